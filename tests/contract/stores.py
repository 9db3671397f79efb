"""How the contracts open each of our stores."""

from pathlib import Path

import pytest

from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.testing import FrozenClock
from leftfold.testing.contracts import MakeBackend


class OnMemory:
    @pytest.fixture
    def make_backend(self, clock: FrozenClock) -> MakeBackend:
        return Memory(clock).open


class OnSqlite:
    @pytest.fixture
    def make_backend(self, tmp_path: Path, clock: FrozenClock) -> MakeBackend:
        return lambda tenant: open_sqlite(tmp_path / "test.db", tenant=tenant, clock=clock)
