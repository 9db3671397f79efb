"""O1: killed anywhere between append and publish. Each is published at least once, in its stream's order, its id its own."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leftfold.adapters.sqlite import open_sqlite
from tests.publish import bugs
from tests.publish.post import Judge, post
from tests.publish.posting import STEPS, Death, Mail, arrived
from tests.reliability.forks import Zygote
from tests.reliability.projecting import FileClock, forward

LEASE_IS_OVER_S = 11
NEVER = 1_000_000
TEETH = 10  # kills in which a planted mistake must show


@pytest.fixture(scope="module")
def zygote_process() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture
def zygote(zygote_process: Zygote) -> Iterator[Zygote]:
    yield zygote_process
    zygote_process.end_all()


class Deaths:
    """One store and one heap of mail, through one process after the other."""

    def __init__(self, zygote: Zygote, folder: Path, bug: str | None = None) -> None:
        self._zygote, self._bug = zygote, bug
        self._path, self._clock, self.mail = folder / "post.db", folder / "clock", folder / "mail"
        self.died: Counter[str] = Counter()

    def one(self, number: int) -> None:
        """A process that dies at one of the steps, a few times into it; what it appended before stays."""
        step = STEPS[number % len(STEPS)]
        self._work(step, random.Random(number).randrange(1, 6), seed=number)

    def faults(self) -> list[str]:
        """Let one process come to its end, and judge."""
        self._work("", NEVER, seed=-1)
        with post(Mail(str(self.mail), Death("", NEVER))).open(
            open_sqlite(self._path, clock=FileClock(self._clock))
        ) as session:
            (status,) = session.operations.status()
            judge = Judge(session, status.subscriber)
            found = judge.faults(arrived(self.mail))
            self.events = sum(map(len, judge.streams.values()))
            return found if status.health.state == "ok" else [*found, f"publishing is {status.health}"]

    def _work(self, step: str, count: int, seed: int) -> None:
        forward(self._clock, LEASE_IS_OVER_S)  # whoever was killed before still has its lease
        worker = self._zygote.start(
            "tests.publish.posting:work",
            path=str(self._path),
            clock=str(self._clock),
            mail=str(self.mail),
            step=step,
            count=count,
            seed=seed,
            bug=self._bug,
        )
        code = worker.wait()
        assert code in (0, -signal.SIGKILL)
        self.died[step if code else "not"] += 1


@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_what_was_appended_is_published_though_the_publisher_is_killed_at_any_step(
    kills: int, zygote: Zygote, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    deaths = Deaths(zygote, tmp_path)
    number = 0
    while sum(deaths.died.values()) - deaths.died["not"] < kills:
        deaths.one(number)
        number += 1
    assert deaths.faults() == []
    assert set(STEPS) <= deaths.died.keys()
    sent = len(arrived(deaths.mail))
    record_property(
        "figure",
        f"publishing, killed {kills} times at {len(STEPS)} kinds of steps: {deaths.events:,} public events, "
        f"{sent - deaths.events:,} of them sent twice or more",
    )
    assert sent > deaths.events


@pytest.mark.parametrize("bug", bugs.WHEN_KILLED, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found(bug: Callable[[pytest.MonkeyPatch], None], zygote: Zygote, tmp_path: Path) -> None:
    deaths = Deaths(zygote, tmp_path, bug.__name__)
    for number in range(TEETH):
        deaths.one(number)
    assert deaths.faults() != []
