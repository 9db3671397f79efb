"""Shelves with notes on them, whose every byte is known: the data of a note of n letters is n + 11 bytes of JSON."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from leftfold import App, Recorded, Session, View
from leftfold.adapters.memory import Memory
from leftfold.core.streams import StreamId, stream
from leftfold.testing.clock import FrozenClock


class Put(Struct, frozen=True):
    texts: tuple[str, ...]


class Noted(Struct, frozen=True):
    text: str


class Lent(Struct, frozen=True):
    shelf: str
    to: str


class Shelf:
    category = "shelf"
    initial = 0

    def decide(self, command: Put, state: int) -> list[Noted]:
        return [Noted(text) for text in command.texts]

    def evolve(self, state: int, event: Noted) -> int:
        return state + 1


class Lending:
    """Writes to two streams at once."""

    category = "lending"
    initial = 0

    def boundary(self, command: Lent) -> Sequence[StreamId]:
        return [stream("shelf", command.shelf), stream("reader", command.to)]

    def decide(self, command: Lent, state: int) -> list[Lent]:
        return [command]

    def evolve(self, state: int, event: Lent | Noted) -> int:
        return state + 1


def letters(event: Recorded[Noted]) -> list[str]:
    """A row for each letter that there is."""
    return sorted(set(event.data.text))


def count(row: int, event: Noted, key: str) -> int:
    return row + event.text.count(key)


def notes(row: int, event: Noted) -> int:
    return row + 1


VIEWS: list[View[Any]] = [
    View("notes", initial=0, evolve=notes),
    View("letters", initial=0, evolve=count, key=letters),
]
shelf, lending = Shelf(), Lending()
shelves = App("shelves", deciders=[shelf, lending], views=VIEWS)

SIZES = (20, 40, 20, 20, 50)  # bytes of the events that `fill` makes, in four commits
DATA = 11  # bytes of JSON around a note's letters


def note(letters: str, size_bytes: int) -> str:
    """A text of these letters whose event is so many bytes of JSON."""
    return (letters * size_bytes)[: size_bytes - DATA]


def fill(session: Session) -> None:
    """Two shelves, four commits, five events: 9, 29, 9, 9 and 39 letters, of one kind each but for the last, of two."""
    books = session.category(shelf)
    books.handle("left", Put((note("a", 20),)), command_id="1", actor="ann")
    books.handle("left", Put((note("b", 40), note("c", 20))), command_id="2", actor="bob")
    books.handle("right", Put((note("a", 20),)), command_id="3", actor="ann")
    books.handle("right", Put((note("bc", 50),)), command_id="4", actor="ann")


def opened(clock: FrozenClock | None = None) -> Session:
    """On a store in memory, whose clock is in the test's hands."""
    return shelves.open(Memory(clock or FrozenClock()).open())
