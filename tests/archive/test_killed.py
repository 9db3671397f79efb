"""Row A1: archivers killed anywhere, several at once, make one chain with the log's bytes. Each test has its teeth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from leftfold.archive import Archiver
from leftfold.archive.heads import segment_name
from leftfold.archive.reader import Link, link
from leftfold.archive.segment import Segment, pack
from leftfold.core.errors import LeftfoldError
from leftfold.core.events import Stored
from tests.archive.killing import Story, Sweep

Figure = Callable[[str, object], None]


def swept(make: Callable[..., Archiver] = Archiver) -> Iterator[str]:
    """What goes wrong when a run is killed before each of its calls, after it, or overtaken there."""
    for number in range(Sweep(make).count()):
        for after in (False, True):
            yield from (f"killed at call {number}: {one}" for one in Sweep(make).killed_at(number, after=after))
        yield from (f"overtaken at call {number}: {one}" for one in Sweep(make).overtaken_at(number))


def test_killed_or_overtaken_at_any_call_there_is_one_chain(record_property: Figure) -> None:
    assert list(swept()) == []
    calls = Sweep().count()
    assert calls > 60
    record_property(
        "figure", f"A1: an archiver killed before and after, and overtaken at, each of {calls} calls: one chain"
    )


@pytest.mark.parametrize("seeds", [60, pytest.param(1_000, marks=pytest.mark.soak)])
def test_several_at_once_in_bad_weather_make_one_chain(seeds: int, record_property: Figure) -> None:
    troubles = segments = 0
    for seed in range(seeds):
        story = Story(seed)
        assert (seed, story.run()) == (seed, [])
        troubles += sum(count for what, count in story.chaos.counts.items() if what != "calls")
        segments += len(story.shelf.segments())
    record_property(
        "figure",
        f"A1: {seeds} seeds of 2 or 3 archivers at once, {troubles:,} troubles, {segments:,} segments: one chain each",
    )


# teeth


class Overwrites(Archiver):
    """Writes without looking whether the name is free."""

    def _create(self, name: str, data: bytes) -> bool:
        self._objects.put(name, data)
        return True


class LooksFirst(Archiver):
    """Looks whether the name is free, then writes: two steps."""

    def _create(self, name: str, data: bytes) -> bool:
        if name in list(self._objects.names(name)):
            return False
        self._objects.put(name, data)
        return True


class Forks(Archiver):
    """Whoever loses writes its own segment beside the winner's, under a name of its own."""

    def _seal(self, run: list[Stored]) -> int:
        first, previous = self._sealed + 1, self._tip.sha256 if self._tip is not None else ""
        data = pack(run, tenant=self._backend.tenant, first=first, previous=previous)
        name = segment_name(self._backend.tenant, first)
        if not self._create(name, data):
            self._create(segment_name(self._backend.tenant, first + 1), data)
        self._go_on(link(Segment(data)), 1)
        return len(data)


class BelievesItWon(Archiver):
    """Goes on after its own segment, though another one's is there."""

    def _create(self, name: str, data: bytes) -> bool:
        self._objects.create(name, data)
        return True


class ForgetsTheChain(Archiver):
    def _go_on(self, tip: Link, size: int) -> None:
        super()._go_on(Link(tip.first, tip.last, tip.previous, ""), size)


class CutsCommits(Archiver):
    def _due(self, force: bool) -> list[Stored]:
        return super()._due(force)[: self._events]


class SkipsOne(Archiver):
    """After another's segment it goes on one too far."""

    def _follow(self, segment: Segment) -> None:
        super()._follow(segment)
        assert self._tip is not None
        self._go_on(Link(self._tip.first, self._tip.last + 1, "", self._tip.sha256), 1)


class NotesTheHeadFirst(Archiver):
    """Killed between the two, it leaves a head of a segment that is not there."""

    def _create(self, name: str, data: bytes) -> bool:
        if "segments/" in name:
            before, segment = self._tip, Segment(data)
            self._go_on(link(segment), 1)
            self._note()
            self._tip = before
        return super()._create(name, data)


class WritesInPieces(Archiver):
    """Not whole at once."""

    def _create(self, name: str, data: bytes) -> bool:
        created = self._objects.create(name, data[: len(data) // 2])
        if created:
            self._objects.put(name, data)
        return created


class NotesOnlyItsOwn(Archiver):
    """Killed after a segment, its head is never written: nobody else does."""

    def _note(self) -> None:
        if self._tip is not None and self._tip.previous != "theirs":
            super()._note()

    def _follow(self, segment: Segment) -> None:
        super()._follow(segment)
        assert self._tip is not None
        self._tip = Link(self._tip.first, self._tip.last, "theirs", self._tip.sha256)


BUGS: tuple[type[Archiver], ...] = (
    *(Overwrites, LooksFirst, Forks, BelievesItWon, ForgetsTheChain, CutsCommits, SkipsOne),
    *(NotesTheHeadFirst, WritesInPieces, NotesOnlyItsOwn),
)


def caught(bug: type[Archiver]) -> bool:
    try:
        return any(swept(bug)) or any(Story(seed, bug).run() for seed in range(20))
    except LeftfoldError:
        return True


def test_every_planted_bug_is_caught(record_property: Figure) -> None:
    found = [bug for bug in BUGS if caught(bug)]
    assert found == list(BUGS)
    record_property("figure", f"A1 teeth: {len(found)} of {len(BUGS)} caught")
