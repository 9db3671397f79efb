"""Clients are cheap to make, but for the first: a container opens one for each tenant that it serves."""

from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from leftfold.adapters.boto import client


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
