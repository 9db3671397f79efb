"""A parcel service: what it publishes, a history by a seed, and what must have gone out of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from leftfold import App, Recorded, Session
from leftfold.ports.backend import Backend
from leftfold.ports.publisher import Publisher
from leftfold.publish import CloudEvent, Publish
from leftfold.publish.relay import Relay
from leftfold.publish.sending import Pace
from leftfold.subscriptions.bell import Bell
from leftfold.subscriptions.follow import Follower

LARGE = 3_000  # bytes: over what the runs with a small limit let through


class Posted(Struct, frozen=True):
    text: str


class Scanned(Struct, frozen=True):
    n: int


class Weighed(Struct, frozen=True):
    """Nobody else's business."""

    grams: int


class ParcelPosted(Struct, frozen=True):
    text: str


class ParcelScanned(Struct, frozen=True):
    n: int


Event = Posted | Scanned | Weighed


class Parcels:
    """Each command is the events that it becomes."""

    category = "parcel"
    initial = 0

    def decide(self, command: list[Event], count: int) -> Sequence[Event]:
        return command

    def evolve(self, count: int, event: Event) -> int:
        return count + 1


parcels = Parcels()


def public(event: Recorded[Posted | Scanned]) -> ParcelPosted | ParcelScanned | None:
    """Every third scan is nobody else's business either."""
    if isinstance(event.data, Posted):
        return ParcelPosted(event.data.text)
    return ParcelScanned(event.data.n) if event.data.n % 3 else None


def is_public(event: object) -> bool:
    return isinstance(event, Posted) or (isinstance(event, Scanned) and event.n % 3 != 0)


def post(to: Publisher | str) -> App:
    return App("post", deciders=[parcels], publish=[Publish(Posted | Scanned, to=to, as_=public)])


class Clock:
    """Time that passes when somebody waits, and a little at each look."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.waits: list[float] = []

    @property
    def pace(self) -> Pace:
        return Pace(self._now, self._wait)

    def _now(self) -> float:
        self.time_s += 0.001
        return self.time_s

    def _wait(self, pause_s: float) -> None:
        self.waits.append(pause_s)
        self.time_s += pause_s


def worker(session: Session, clock: Clock | None = None, owner: str = "worker") -> Follower:
    """A process of its own that publishes: its relay remembers nothing of others."""
    (destination,) = session.app.destinations.values()
    pace = (clock or Clock()).pace
    relay = Relay(destination, session.app.name, session.codec, session.backend, _no_url, pace)
    return Follower(relay, session.backend, owner, Bell(session.backend.poll_s))


def _no_url(url: str) -> Publisher:
    raise AssertionError(f"nothing is opened by its URL here: {url}")


def some_events(dice: random.Random, *, large: float = 0.0) -> list[Event]:
    """What one command becomes."""
    kinds: list[Callable[[], Event]] = [
        lambda: Posted("x" * LARGE if dice.random() < large else f"text {dice.randrange(100)}"),
        lambda: Scanned(dice.randrange(10)),
        lambda: Weighed(dice.randrange(1000)),
    ]
    return [dice.choice(kinds)() for _ in range(dice.choice((1, 1, 1, 2, 4)))]


def append(session: Session, dice: random.Random, commands: int, *, keys: Sequence[str], large: float = 0.0) -> None:
    for _ in range(commands):
        session.category(parcels).handle(dice.choice(keys), some_events(dice, large=large))


class Judge:
    """What must have gone out of a log, compared with what has arrived."""

    def __init__(self, session: Session, subscriber: str) -> None:
        self.streams: dict[str, list[tuple[int, int]]] = {}  # each stream's public events: (version, position)
        self.data: dict[str, bytes] = {}
        self.large: dict[str, int] = {}  # each stream's first event that is large
        for event in session.log():
            if is_public(event.data):
                stream = str(event.stream)
                self.streams.setdefault(stream, []).append((event.version, event.position))
                self.data[event.id] = msgspec.json.encode(event.data)
                if len(self.data[event.id]) >= LARGE:
                    self.large.setdefault(stream, event.position)
        self.parked = _parked(session.backend, subscriber)

    def faults(self, arrived: Sequence[CloudEvent], fetch: Callable[[str], bytes] | None = None) -> list[str]:
        """Everything that is lost, out of its stream's order, changed, or chained to a wrong event before it."""
        found: list[str] = []
        first: dict[str, list[CloudEvent]] = {}
        seen: dict[str, CloudEvent] = {}
        for one in arrived:
            if one.id in seen:
                if one != seen[one.id]:
                    found.append(f"{one.id} came again, changed")
                continue
            seen[one.id] = one
            first.setdefault(one.subject or "", []).append(one)
        for stream, wanted in self.streams.items():
            free = [version for version, position in wanted if position < self.parked.get(stream, position + 1)]
            got = [one.version for one in first.get(stream, [])]
            if got != free:
                found.append(f"{stream}: {got} arrived, not {free}")
            if [one.previous for one in first.get(stream, [])] != [0, *free][: len(got)]:
                found.append(f"{stream}: wrong previous ones: {[(one.version, one.previous) for one in first[stream]]}")
        for one in seen.values():
            data = one.data if one.dataref is None else fetch(one.dataref) if fetch else b"(nothing to fetch it from)"
            if data != self.data.get(one.id):
                found.append(f"{one.id} arrived with other data: {data[:80]!r}")
        return found + [f"{stream} is nobody's" for stream in first.keys() - self.streams.keys()]


def _parked(backend: Backend, subscriber: str) -> dict[str, int]:
    """Each parked stream, and the position from which on it waits."""
    parked = backend.checkpoints.load(subscriber).parked
    return {lane.removeprefix("stream:"): position for lane, position in parked.items()}
