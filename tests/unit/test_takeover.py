"""A dead worker's lease is taken over at once; a live one's, and one from elsewhere, runs its time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leftfold.adapters.sqlite import open_sqlite
from leftfold.adapters.sqlite.alive import is_gone, mark
from leftfold.core.errors import Fenced
from leftfold.ports.checkpoints import Move
from leftfold.testing.clock import FrozenClock

needs_proc = pytest.mark.skipif(not mark(), reason="this system has no /proc to tell live processes from dead ones")

LEAD_AND_DIE = """
import sys
from pathlib import Path
from leftfold.adapters.sqlite import open_sqlite
lease = open_sqlite(Path(sys.argv[1])).checkpoints.acquire("view", "first", 3600)
print(lease.token, flush=True)
"""


@needs_proc
def test_the_next_worker_takes_over_from_one_that_died(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    died = subprocess.run([sys.executable, "-c", LEAD_AND_DIE, path], capture_output=True, text=True, check=True)
    backend = open_sqlite(path)
    lease = backend.checkpoints.acquire("view", "second", 60)
    assert lease is not None
    assert lease.token == int(died.stdout) + 1
    with pytest.raises(Fenced):  # were it not dead after all, its writes would still be refused
        backend.checkpoints.move(Move("view", 0, 1, int(died.stdout)))
    backend.close()


def test_a_live_worker_keeps_its_lease(tmp_path: Path) -> None:
    one, other = (open_sqlite(tmp_path / "x.db", clock=FrozenClock()) for _ in range(2))
    assert one.checkpoints.acquire("view", "first", 60) is not None
    assert other.checkpoints.acquire("view", "second", 60) is None
    one.close()
    other.close()


@needs_proc
@pytest.mark.parametrize("place", ["another-boot:4026531836", "", "no mark at all"])
def test_a_mark_from_elsewhere_says_nothing(place: str) -> None:
    assert not is_gone(f"{place}:999999999")
    assert not is_gone(mark())
    assert is_gone(f"{mark().rpartition(':')[0]}:999999999")
    assert mark().endswith(f":{os.getpid()}")
