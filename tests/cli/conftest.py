from pathlib import Path

import pytest

from tests.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An app in an empty folder; no store yet."""
    return Desk(tmp_path, monkeypatch)


@pytest.fixture
def bank(desk: Desk) -> Desk:
    """The app with five events, its views and reaction at the log's end."""
    desk.fill()
    return desk
