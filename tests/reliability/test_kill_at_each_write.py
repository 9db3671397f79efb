"""S2: kill -9 at each call that writes. A commit of several events on two streams is there whole, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability import strace
from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import problems
from tests.reliability.strace import Starter, Traced

NAMES = ["one", "two"]
COMMANDS = 4
KILLS = ("pwrite64", "write", "fdatasync", "ftruncate", "unlink")


class Sweep:
    def __init__(self, zygote: Zygote, reports: Reports, folder: Path, plant: str | None = None) -> None:
        self._zygote, self._reports, self._folder, self._plant = zygote, reports, folder, plant
        self._starter = Starter(folder / f"go-{plant}")
        self._runs = 0

    def run(self, inject: str | None) -> tuple[Traced, list[str], int]:
        """One life: from an empty file through a few commits of two threads, to the end or to the kill."""
        self._runs += 1
        path = self._folder / f"{self._plant}-{self._runs}.db"
        worker = self._zygote.start(
            "move_some",
            plant=self._plant,
            path=str(path),
            reports=self._reports.path,
            go=self._starter.path,
            names=NAMES,
            commands=COMMANDS,
        )
        self._reports.until(lambda lines: "ready" in lines, worker)
        with Traced(worker, self._folder / "trace", inject=inject) as traced:
            self._starter.go()
            code = worker.wait()
        told = [line for line in self._reports.take() if line.partition("-")[0] in NAMES]
        return traced, self.judged(path, told), code

    def judged(self, path: Path, told: list[str]) -> list[str]:
        """What is wrong after a restart that asks everything again."""
        from tests.reliability import ledger

        if not told and not path.exists():
            return []
        found: list[str] = []
        with ledger.writing.open(f"sqlite:{path}") as session:
            found += problems(path, told)
            purses = session.category(ledger.purses)
            for name in NAMES:
                for i in range(COMMANDS):
                    purses.handle(ledger.Move(name, "common", i), command_id=f"{name}-{i}")
            found += problems(path, [f"{name}-{i}" for name in NAMES for i in range(COMMANDS)])
            if session.backend.log.end() != 3 * len(NAMES) * COMMANDS:
                found.append(f"{session.backend.log.end()} events")
        return found


def points(calls: dict[str, int], count: int) -> list[str]:
    """`count` kills spread evenly over all the calls that were seen."""
    every = [f"{kind}:signal=SIGKILL:when={n}" for kind in KILLS for n in range(1, calls.get(kind, 0) + 1)]
    return every if count >= len(every) else [every[i * len(every) // count] for i in range(count)]


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.soak)])
def test_a_commit_killed_at_any_write_is_whole_or_not_there(
    count: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace.require()
    sweep = Sweep(zygote, reports, tmp_path)
    traced, wrong, code = sweep.run(None)
    assert (code, wrong) == (0, [])
    calls, kills, tried = traced.calls(), 0, Counter[str]()
    while sum(tried.values()) < count:  # threads interleave differently each time, so a second round adds to the first
        for point in points(calls, count - sum(tried.values())):
            _, wrong, code = sweep.run(point)
            assert wrong == [], point
            kills += code == -9
            tried[point.partition(":")[0]] += 1
    assert kills > count // 2
    assert {"pwrite64", "fdatasync"} <= set(tried)
    record_property(
        "figure", f"S2: {count} points ({dict(tried)}), {kills} killed: 0 half commits, 0 acknowledged lost"
    )


def test_planted_half_commits_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace.require()
    bugs = ("writes_each_event_in_a_transaction_of_its_own", "acknowledges_before_the_commit")
    caught = []
    for name in bugs:
        sweep = Sweep(zygote, reports, tmp_path, plant=name)
        if any(sweep.run(f"fdatasync:signal=SIGKILL:when={n}")[1] for n in range(4, 24)):
            caught.append(name)
    assert caught == list(bugs)
    record_property("figure", f"S2: {len(caught)} of {len(bugs)} planted bugs caught")
