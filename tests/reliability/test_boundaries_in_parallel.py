"""S7: decisions over several streams from threads and processes, in both forms: each condition holds at its position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import Event, read_log
from tests.reliability.school import broken_rules
from tests.reliability.strace import Starter

TOGETHER = [("", [False, True, False, True])] * 3  # three processes of four threads, over the same names
APART = [(f"p{i}-", [i % 2 == 1]) for i in range(6)]
BUGS = ("guards_only_what_it_writes", "skips_the_version_check", "ignores_the_condition")


def attend(
    zygote: Zygote,
    reports: Reports,
    folder: Path,
    commands: int,
    processes: list[tuple[str, list[bool]]],
    plant: str | None = None,
) -> tuple[list[Event], int, int]:
    """All at once, each process with the prefix of its names and the forms of its threads (True for dcb).

    Returns the log, how often a race was lost, and how often the domain refused.
    """
    path = folder / "school.db"
    starters = [Starter(folder / f"go-{i}") for i, _ in enumerate(processes)]
    workers = [
        zygote.start(
            "attend",
            plant=plant,
            path=str(path),
            reports=reports.path,
            go=starters[i].path,
            prefix=prefix,
            seed=crc32((prefix or str(i)).encode()),
            forms=forms,
            commands=commands // len(processes) // len(forms),
        )
        for i, (prefix, forms) in enumerate(processes)
    ]
    reports.until(lambda lines: lines.count("ready") == len(processes))
    for starter in starters:
        starter.go()
    done = [line.split() for line in reports.while_running(workers, timeout_s=3600) if line.startswith("done")]
    events, _ = read_log(path)
    return events, sum(int(conflicts) for _, conflicts, _ in done), sum(int(refused) for _, _, refused in done)


@pytest.mark.parametrize("commands", [1_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_no_condition_is_false_at_the_position_of_its_append(
    commands: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    events, conflicts, refused = attend(zygote, reports, tmp_path, commands, TOGETHER)
    assert broken_rules(events) == []
    assert len(events) + refused >= commands // 12 * 12
    assert conflicts  # else nothing was put to the test
    record_property(
        "figure",
        f"S7: {len(events)} appends and {refused} refusals of 3 processes x 4 threads, "
        f"{conflicts} races lost: 0 conditions false",
    )


@pytest.mark.parametrize("commands", [400, pytest.param(20_000, marks=pytest.mark.soak)])
def test_processes_with_nothing_in_common_never_conflict(
    commands: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    alone = 0  # a state remembered for one pair is outrun by a command on another of one's own: no neighbour's doing
    for i, process in enumerate(APART):
        folder = tmp_path / f"alone-{i}"
        folder.mkdir()
        alone += attend(zygote, reports, folder, commands // len(APART), [process])[1]
    events, conflicts, refused = attend(zygote, reports, tmp_path, commands, APART)
    assert conflicts == alone
    assert broken_rules(events) == []
    assert len(events) + refused >= commands // 6 * 6
    record_property(
        "figure",
        f"S7: {len(events)} appends of {len(APART)} processes with nothing in common: 0 conflicts "
        f"beyond the {alone} that each has with itself, alone",
    )


def test_planted_holes_in_the_guards_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    caught = []
    for name in BUGS:
        folder = tmp_path / name
        folder.mkdir()
        if broken_rules(attend(zygote, reports, folder, 600, TOGETHER, plant=name)[0]):
            caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"S7: {len(caught)} of {len(BUGS)} planted bugs caught")
