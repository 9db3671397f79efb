"""The ledger program, killed at three random moments and run again: the same views as if nothing had happened."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.examples.conftest import BANK

KILLS: Final = 3
ROWS: Final = 8_000  # of the real file; tests/examples/test_ledger_whole.py has them all
ATTEMPTS: Final = 10  # a program that ends before the blow falls is no kill: try again, on a new file
LOOK_S: Final = 0.001

Figure = Callable[[str, object], None]
Report = dict[str, Any]


def test_killed_three_times_and_run_again_the_views_are_the_same(
    berka_folder: Path, tmp_path: Path, record_property: Figure
) -> None:
    whole = finished(berka_folder, tmp_path / "whole.db")
    work = done(tmp_path / "whole.db")
    moments = [0]
    for attempt in range(ATTEMPTS):
        path = tmp_path / f"killed-{attempt}.db"
        moments = sorted(random.randrange(1, work * 9 // 10) for _ in range(KILLS))
        if all(killed(berka_folder, path, moment) for moment in moments):
            break
    else:
        pytest.fail(f"the program ended {ATTEMPTS} times before it could be killed, the last time after {moments}")
    before = events(path)
    rest = finished(berka_folder, path)
    assert rest["views"] == whole["views"]
    assert rest["events"] == whole["events"] == before + rest["loaded"]["appended"]
    assert finished(berka_folder, path)["loaded"]["appended"] == 0
    at = ", ".join(f"{moment / work:.0%}" for moment in moments)
    record_property(
        "figure",
        f"ledger, {ROWS:,} rows, kill -9 at {KILLS} random moments ({at} of the work; {before:,} of {whole['events']:,} "
        "events on disk after the last): identical digests of all rows",
    )


def test_stopped_by_ctrl_c_it_says_so_and_goes_on(berka_folder: Path, tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS):
        path = tmp_path / f"stopped-{attempt}.db"
        with subprocess.Popen(command(berka_folder, path), stderr=subprocess.PIPE, text=True) as program:
            while program.poll() is None and not events(path):
                time.sleep(LOOK_S)  # between two looks at the file
            program.send_signal(signal.SIGINT)
            told = program.communicate()[1]
        if program.returncode:
            break
    assert (program.returncode, told) == (130, "ledger: stopped; run it again to go on.\n")
    before = events(path)
    rest = finished(berka_folder, path)
    assert rest["events"] == before + rest["loaded"]["appended"]


def command(folder: Path, path: Path) -> list[str]:
    return [sys.executable, f"{BANK / 'ledger.py'}", f"{folder}", f"{path}", "--limit", f"{ROWS}", "--json"]


def finished(folder: Path, path: Path) -> Report:
    run = subprocess.run(command(folder, path), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    report: Report = json.loads(run.stdout)
    return report


def killed(folder: Path, path: Path, moment: int) -> bool:
    """Run the program and kill it once so much is done. False when it ended first."""
    with subprocess.Popen(command(folder, path), stdout=subprocess.DEVNULL) as program:
        while program.poll() is None and done(path) < moment:
            time.sleep(LOOK_S)  # between two looks at the file
        os.kill(program.pid, signal.SIGKILL)
    return program.returncode == -signal.SIGKILL


def done(path: Path) -> int:
    """The work in a file: events appended, which is three quarters of it, and events passed by each of the three views.

    A program killed while it folds a view leaves a lease behind, and the next one waits for its end: ten idle seconds.
    """
    return 9 * events(path) + asked(path, "SELECT coalesce(sum(position), 0) FROM checkpoints")


def events(path: Path) -> int:
    return asked(path, "SELECT coalesce(max(position), 0) FROM events")


def asked(path: Path, sql: str) -> int:
    """One number from the file, 0 as long as there is no such table."""
    if not path.exists():
        return 0
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(database.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:  # not yet made
        return 0
    finally:
        database.close()
