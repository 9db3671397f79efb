"""Clients are cheap to make, but for the first: a container opens one for each tenant that it serves."""

import os
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from leftfold.adapters.boto import client
from leftfold.core.errors import ConfigError


def test_a_services_description_is_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    load = JSONFileLoader.load_file

    def told(loader: Any, path: str) -> Any:
        read.append(path)
        return load(loader, path)

    def opened() -> None:
        client("dynamodb", region="eu-west-1", endpoint="http://127.0.0.1:9").close()

    monkeypatch.setattr("leftfold.adapters.boto._loaders", {})
    monkeypatch.setattr(JSONFileLoader, "load_file", told)
    opened()
    assert any("dynamodb" in path for path in read)
    read.clear()
    opened()
    assert read == []


def test_the_way_to_a_region_that_is_told_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(ConfigError, match="no region: set AWS_DEFAULT_REGION"):
        client("dynamodb", region=None, endpoint=None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    client("dynamodb", region=None, endpoint=None).close()
