"""Archivers that are killed before or after any call, beside others, on a log that grows; and what must be true of what
they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from leftfold import Session
from leftfold.adapters.memory import Memory
from leftfold.archive import Archive, Archiver
from leftfold.codec.envelope import Codec
from leftfold.core.errors import IntegrityError, LeftfoldError, StoreUnavailable
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.testing.chaos import Chaos, Crash
from leftfold.testing.sample import bank
from tests.archive.places import Shelf, write

SEGMENT: Final = 5  # events: many segments of a short story
RUNS: Final = 6  # of each archiver
WRITES: Final = 12  # times that the writer appends

MakeArchiver = Callable[..., Archiver]
Around = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Does one call, given its name, function and arguments; may do something before or after, or raise."""


class Through:
    """An object whose every call goes through `around`. Listings are whole at once: a page is one call."""

    def __init__(self, what: Any, name: str, around: Around) -> None:
        self._what, self._name, self._around = what, name, around

    def __getattr__(self, method: str) -> Any:
        function = getattr(self._what, method)

        def called(*arguments: Any, **named: Any) -> Any:
            if method == "names":
                return iter(self._around(f"{self._name}.names", lambda: list(function(*arguments, **named)), (), {}))
            return self._around(f"{self._name}.{method}", function, arguments, named)

        return called


def through(backend: Backend, around: Around) -> Backend:
    ports = ("log", "checkpoints", "dead")
    return replace(backend, **{port: Through(getattr(backend, port), port, around) for port in ports})


class Witness(Shelf):
    """A shelf that remembers what was ever under a name: nothing may change or go."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, bytes] = {}

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        created = super().create(name, data, keep_until=keep_until)
        self.first.setdefault(name, self.all[name])
        return created

    def put(self, name: str, data: bytes) -> None:
        super().put(name, data)
        self.first.setdefault(name, data)


def faults(shelf: Shelf, backend: Backend, *, whole: bool) -> Iterator[str]:
    """What is wrong with an archive of this log; `whole`: all of the log must be in it."""
    if isinstance(shelf, Witness) and shelf.all != shelf.first:
        yield "an object was changed"
    archive = Archive(shelf, backend.tenant)
    try:
        verified = archive.verify()
    except LeftfoldError as error:
        yield f"not one chain: {error}"
        return
    if list(archive.events()) != backend.log.page(limit=10**6)[: verified.events]:
        yield "other bytes than the log's"
    if whole and verified.events != backend.log.end():
        yield f"{verified.events} of {backend.log.end()} events"
    peek = Codec(Schema(), backend.tenant).peek
    if [one for one in archive._firsts if peek(archive.page(after=one - 1, limit=1)[0]).meta.index]:
        yield "a commit was cut"
    head = archive.head()
    if whole and verified.events and (head is None or head.last != verified.events):
        yield "the newest head is not of the end"


class Killed(BaseException):
    """The process is gone."""


class Sweep:
    """One archiver over a log, killed at the call with this number; `after`: once the call was done."""

    def __init__(self, make: MakeArchiver = Archiver, events: int = 60) -> None:
        self.make = make
        self.backend, self.shelf = Memory().open(), Witness()
        self.session = bank.open(self.backend)
        write(self.session, events // 2)
        self.session.catch_up()
        self.calls = 0

    def archiver(self, around: Around | None = None) -> Archiver:
        if around is None:
            return self.make(self.backend, self.shelf, segment_events=SEGMENT)
        objects: Any = Through(self.shelf, "objects", around)
        return self.make(through(self.backend, around), objects, segment_events=SEGMENT)

    def count(self) -> int:
        """How many calls an undisturbed run makes."""
        self.archiver(self._killing(None)).seal(force=True)
        return self.calls

    def killed_at(self, number: int, *, after: bool) -> list[str]:
        """Kill it there, look at what it left, let another finish, and one more after news; what is wrong then."""
        with suppress(Killed):
            self.archiver(self._killing(number, after=after)).seal(force=True)
        wrong = list(faults(self.shelf, self.backend, whole=False))
        for news in (0, 3):
            write(self.session, news)
            try:
                self.archiver().seal(force=True)
            except IntegrityError as error:
                wrong.append(f"the next one is stuck: {error}")
            wrong += faults(self.shelf, self.backend, whole=True)
        return wrong

    def overtaken_at(self, number: int) -> list[str]:
        """While it stands still there, another one seals some segments more; then it goes on."""
        other = self.archiver()

        def others() -> None:
            write(self.session, 4)
            other.seal(force=number % 2 == 0)
            write(self.session, 1)

        try:
            self.archiver(self._killing(number, meanwhile=others, dies=False)).seal(force=True)
            other.seal(force=True)
        except IntegrityError as error:
            return [f"stuck: {error}"]
        return list(faults(self.shelf, self.backend, whole=True))

    def _killing(
        self,
        number: int | None,
        *,
        after: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
        dies: bool = True,
    ) -> Around:
        def around(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            here = self.calls == number
            self.calls += 1
            if here and not after:
                meanwhile()
                if dies:
                    raise Killed(name)
            answer = function(*arguments, **named)
            if here and after:
                raise Killed(name)
            return answer

        return around


class Story:
    """By the seed: two or three archivers, which die, lose replies and stand still, beside a writer and a subscriber."""

    def __init__(self, seed: int, make: MakeArchiver = Archiver) -> None:
        self.chaos, self.make = Chaos(seed), make
        self.backend, self.shelf = Memory(self.chaos.clock).open(), Witness()
        self.session: Session = bank.open(self.backend)
        self.wrong: list[str] = []

    def run(self) -> list[str]:
        """What was wrong at any moment."""
        dice = self.chaos.dice
        works = {f"archiver {number}": self._archive for number in range(dice.randint(2, 3))}
        self.chaos.run(works | {"writer": self._write})
        self.wrong += [repr(failure) for failure in self.chaos.failures]
        try:
            self._made().seal(force=True)
        except IntegrityError as error:
            self.wrong.append(f"the next one is stuck: {error}")
        return self.wrong + list(faults(self.shelf, self.backend, whole=True))

    def _write(self) -> None:
        for _ in range(WRITES):
            self.chaos.pause()
            write(self.session, self.chaos.dice.randint(1, 4))
            if self.chaos.dice.random() < 0.3:
                self.session.catch_up()

    def _archive(self) -> None:
        archiver = self._made()
        for _ in range(RUNS):
            try:
                archiver.seal(force=self.chaos.dice.random() < 0.7)
            except Crash:
                archiver = self._made()
            except StoreUnavailable:
                continue  # the same one goes on
            self.wrong += faults(self.shelf, self.backend, whole=False)

    def _made(self) -> Archiver:
        objects: Any = Through(self.shelf, "objects", self.chaos.call)
        events = self.chaos.dice.randint(1, 2 * SEGMENT)  # settings may differ from one to the next
        return self.make(through(self.backend, self.chaos.call), objects, segment_events=events)
