"""Several sessions of one process on one file: opening and closing one takes nothing from the others.

A process that closes any descriptor of a file loses all its POSIX locks on it. Without them, another process that closes
the file takes itself for the last one, and removes the WAL that the first still writes to.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leftfold.adapters.sqlite.held import HELD
from tests.reliability import ledger
from tests.reliability.ledger import Note

ROOT = Path(__file__).parents[2]
LOOK = """
import sys
from tests.reliability import ledger
with ledger.writing.open(sys.argv[1]) as session:
    print(session.backend.log.end())
"""


def seen_by_another_process(url: str) -> int:
    done = subprocess.run([sys.executable, "-c", LOOK, url], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def kept(url: str, *, second: str) -> bool:
    """Whether what a first session acknowledges is there for others, when a second one came in between."""
    with ledger.writing.open(url) as first:
        tallies = first.category(ledger.tallies)
        tallies.handle("a", Note(1))
        other = ledger.writing.open(f"{url}?mode={second}")
        seen_by_another_process(url)  # and closes the file
        tallies.handle("a", Note(2))
        other.close()
        seen_by_another_process(url)
        tallies.handle("a", Note(3))
        return first.backend.log.end() == seen_by_another_process(url) == 6


@pytest.mark.parametrize("second", ["rwc", "rw", "ro"])
def test_a_second_session_costs_the_first_nothing(tmp_path: Path, second: str) -> None:
    assert kept(f"sqlite:{tmp_path}/shared.db", second=second)


def test_a_file_that_is_opened_by_hand_again_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HELD, "is_open", lambda path: False)
    assert not kept(f"sqlite:{tmp_path}/shared.db", second="rwc")


def test_threads_that_open_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    url, started = f"sqlite:{tmp_path}/shared.db", threading.Barrier(4)
    with ledger.writing.open(url):
        pass

    def work(name: str) -> None:
        started.wait()
        for number in range(10):
            with ledger.writing.open(url) as session:
                session.category(ledger.tallies).handle(name, Note(number))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    seen = [seen_by_another_process(url) for _ in range(5)]
    for thread in threads:
        thread.join()
    assert seen == sorted(seen)
    assert seen_by_another_process(url) == 80
