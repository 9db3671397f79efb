"""Commands that each leave one event with a name of its own: who was acknowledged is told by the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Session, StreamId, stream
from leftfold.core.commits import Appended, Commit
from leftfold.core.errors import Conflict
from leftfold.ports.backend import Backend


class Tick(Struct, frozen=True):
    name: str


class Ticked(Struct, frozen=True):
    name: str


class Counting:
    category = "count"
    initial = 0

    def decide(self, command: Tick, total: int) -> list[Ticked]:
        return [Ticked(command.name)]

    def evolve(self, total: int, event: Ticked) -> int:
        return total + 1


class Pair(Struct, frozen=True):
    name: str
    one: str
    other: str
    both: bool


class Paired(Struct, frozen=True):
    name: str
    streams: tuple[str, ...]


class Pairing:
    """An event in two streams, or in one with the other guarded."""

    category = "pair"
    initial = 0

    def boundary(self, command: Pair) -> list[StreamId]:
        return [stream("pair", command.one), stream("pair", command.other)]

    def streams(self, event: Paired) -> list[StreamId]:
        return [stream("pair", name) for name in event.streams]

    def decide(self, command: Pair, total: int) -> list[Paired]:
        return [Paired(command.name, (command.one, command.other) if command.both else (command.other,))]

    def evolve(self, total: int, event: Paired) -> int:
        return total + 1


counting, pairing = Counting(), Pairing()
app = App("ticks", deciders=[counting, pairing])


class Watched:
    """A store that counts the conflicts over streams that only one session writes."""

    def __init__(self, backend: Backend, own: str) -> None:
        self._store, self._own = backend.store, own
        self.conflicts = 0

    def append(self, commit: Commit) -> Appended:
        try:
            return self._store.append(commit)
        except Conflict:
            self.conflicts += all(name.partition("/")[2].startswith(self._own) for name in commit.expected)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def watched(backend: Backend, own: str) -> tuple[Backend, Watched]:
    store = Watched(backend, own)
    anything: Any = store
    return replace(backend, store=anything), store


def tick(session: Session, own: str, number: int) -> str:
    """One command, of a kind by its number; returns the name of its event."""
    name = f"{own}-{number}"
    count, pair = session.category(counting), session.category(pairing)
    kinds: Sequence[Callable[[], object]] = (
        lambda: count.handle(own, Tick(name)),
        lambda: count.handle(own, Tick(name), command_id=name),
        lambda: count.handle("shared", Tick(name), command_id=name),
        lambda: pair.handle(Pair(name, own, f"{own}-2", both=True)),
        lambda: pair.handle(Pair(name, own, f"{own}-2", both=False), command_id=name),
        lambda: pair.handle(Pair(name, "shared", f"{own}-3", both=True), command_id=name),
        lambda: count.handle(own, Tick(name), command_id=name, once="forever"),
        lambda: count.handle("shared", Tick(name)),
    )
    kinds[number % len(kinds)]()
    return name


class Broken(AssertionError):
    """A promise was."""


def judge(session: Session, acknowledged: Iterable[str]) -> int:
    """Every acknowledged name once, versions and positions dense. Returns how many events there are."""
    session.catch_up()
    return judge_log(session, acknowledged)


def judge_log(session: Session, acknowledged: Iterable[str]) -> int:
    """The same of the log as it stands, as long as this session has appended nothing."""
    names: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    position = 0
    for event in session.log():
        position += 1
        if event.position != position:
            raise Broken(f"position {event.position} stands at {position}")
        names[getattr(event.data, "name", "?")] += 1
        for text, version in event.slots:
            ends[text] += 1
            if version != ends[text]:
                raise Broken(f"{text}@{version} stands at {ends[text]}")
    wanted = Counter(acknowledged)
    if lost := wanted - names:
        raise Broken(f"{len(lost)} lost, as {next(iter(lost))}")
    if doubled := names - wanted:
        raise Broken(f"{len(doubled)} too many, as {next(iter(doubled))}")
    for text, end in ends.items():
        last = session.backend.store.last(text)
        if last is None or last.version != end:
            raise Broken(f"{text} ends elsewhere than in the log")
    return position
