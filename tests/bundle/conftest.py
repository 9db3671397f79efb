"""What several tests of bundles share: one app of 100 event types, bundled once, unpacked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from leftfold.cloud.bundle import Bundle
from tests.bundle import apps


@pytest.fixture(scope="package")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return apps.wide(tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="package")
def bundle(app_folder: Path) -> Bundle:
    """For this machine's Python and processor, with a store in memory besides, so that a function can answer."""
    return apps.bundled(app_folder, adapters=["memory"])


@pytest.fixture(scope="package")
def task(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return apps.unpacked(bundle, tmp_path_factory.mktemp("var") / "task")
