"""S6: many processes write at once, to one stream and to many. One order explains it all; nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.reliability.forks import Reports, Zygote
from tests.reliability.histories import read_history, violations
from tests.reliability.judge import problems, read_log
from tests.reliability.strace import Starter

EVERY_READ = 5
BUGS = ("skips_the_version_check", "reads_what_was_true_a_while_ago")


class Race:
    def __init__(self, zygote: Zygote, reports: Reports, folder: Path) -> None:
        self._zygote, self._reports, self._folder = zygote, reports, folder
        self.path = folder / "race.db"
        self.contended, self.seconds = 0, 0.0

    def run(
        self, processes: int, commands: int, streams: Callable[[int], list[str]], plant: str | None = None
    ) -> list[str]:
        """Let them all begin at once. Returns what is wrong with the log or with what they were told."""
        starters = [Starter(self._folder / f"go-{i}") for i in range(processes)]
        histories = [self._folder / f"history-{i}" for i in range(processes)]
        workers = [
            self._zygote.start(
                "race",
                plant=plant,
                path=str(self.path),
                reports=self._reports.path,
                history=str(histories[i]),
                go=starters[i].path,
                name=f"p{i}",
                commands=commands,
                streams=streams(i),
                every_read=EVERY_READ,
            )
            for i in range(processes)
        ]
        self._reports.until(lambda lines: lines.count("ready") == processes)
        began = time.monotonic()
        for starter in starters:
            starter.go()
        lines = self._reports.while_running(workers, timeout_s=3600)
        self.seconds = time.monotonic() - began
        self.contended = sum(int(line.split()[1]) for line in lines if line.startswith("done"))
        told = [f"p{i}-{n}" for i in range(processes) for n in range(commands)]
        self.history = read_history(histories)
        self.events, _ = read_log(self.path)
        found = problems(self.path, told) + violations(self.history, self.events)
        if len(self.events) != 2 * len(told):
            found.append(f"{len(self.events)} events of {len(told)} commands")
        return found


def one_stream(_: int) -> list[str]:
    return ["hot"]


def own_streams(process: int) -> list[str]:
    return [f"p{process}-{i}" for i in range(7)]


def some_streams(process: int) -> list[str]:
    return ["hot", f"p{process}", "warm"]


@pytest.mark.parametrize(
    ("processes", "commands"), [(6, 500), pytest.param(20, 12_000, marks=pytest.mark.soak)], ids=["6x500", "20x12000"]
)
@pytest.mark.parametrize("streams", [one_stream, own_streams], ids=["the same stream", "streams of their own"])
def test_many_processes_write_as_if_one_after_another(
    processes: int,
    commands: int,
    streams: Callable[[int], list[str]],
    zygote: Zygote,
    reports: Reports,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    race = Race(zygote, reports, tmp_path)
    assert race.run(processes, commands, streams) == []
    total = processes * commands
    record_property(
        "figure",
        f"S6: {processes} processes x {commands} commands, {'one stream' if streams is one_stream else 'own streams'}: "
        f"0 lost, 0 doubled, dense, strictly serialisable; Contention surfaced {race.contended} times; "
        f"{total / race.seconds:,.0f} commands/s",
    )


def test_planted_races_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    caught = []
    for name in BUGS:
        folder = tmp_path / name
        folder.mkdir()
        if Race(zygote, reports, folder).run(4, 60, some_streams, plant=name):
            caught.append(name)
    assert caught == list(BUGS)

    folder = tmp_path / "history"
    folder.mkdir()
    race = Race(zygote, reports, folder)
    assert race.run(2, 30, some_streams) == []
    first, *_, last = sorted((one for one in race.history if one.kind == "write"), key=lambda one: one.answered)
    lies = (
        [one if one is not last else replace(last, version=last.version + 2) for one in race.history],
        [*race.history, replace(last, command_id="never")],
        [
            one if one is not first else replace(first, asked=last.answered + 1, answered=last.answered + 2)
            for one in race.history
        ],
        [*race.history, replace(last, kind="read", asked=last.answered + 1, answered=last.answered + 2, version=0)],
        [*race.history, replace(first, kind="read", asked=1, answered=2, version=2)],
    )
    seen = sum(bool(violations(lie, race.events)) for lie in lies)
    assert seen == len(lies)
    record_property(
        "figure", f"S6: {len(caught)} of {len(BUGS)} planted bugs and {seen} of {len(lies)} forged histories caught"
    )
