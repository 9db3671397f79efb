"""A town whose views are of every shape: rows by stream, by a key and by several, removed rows, indexes, failing folds."""

import random
from typing import Any

from msgspec import Struct

from leftfold import App, Recorded, Session, View
from leftfold.core.streams import stream
from leftfold.dcb import Tagged

POISON = 666


class Came(Struct, frozen=True):
    person: str


class Earned(Struct, frozen=True):
    cents: int


class Left(Struct, frozen=True):
    pass


class Walked(Struct, frozen=True):
    steps: int


class Lost(Struct, frozen=True):
    """In the history, and in the code of some."""


class House:
    category = "house"
    initial = 0

    def decide(self, command: Any, state: int) -> list[Came | Earned | Left | Lost]:
        return [command]

    def evolve(self, state: int, event: Came | Earned | Left | Lost) -> int:
        return state + 1


class Dog(House):
    category = "dog"

    def evolve(self, state: int, event: Walked) -> int:  # type: ignore[override]
        return state + 1


class ForgetfulHouse(House):
    def evolve(self, state: int, event: Came | Earned | Left) -> int:  # type: ignore[override]
        return state + 1


class Row(Struct, frozen=True):
    people: tuple[str, ...] = ()
    cents: int = 0
    share: float = 0.5


def household(row: Row, event: Came | Earned | Left) -> Row | None:
    match event:
        case Came(person):
            return Row((*row.people, person), row.cents, row.share / 2)
        case Earned(cents):
            if cents == POISON:
                raise ValueError("poison")
            return Row(row.people, row.cents + cents, row.share)
        case Left():
            return Row(row.people[1:], row.cents, row.share) if len(row.people) > 1 else None


def everybody(row: int, event: Recorded[Earned | Walked]) -> int:
    """Rows of two categories that share their keys."""
    return row * 31 % 1_000_003 + event.position


def initials(event: Recorded[Came]) -> list[str]:
    if event.data.person.startswith("z"):
        raise ValueError("no key for z")
    return [event.data.person[0], event.key[-1], "all"] if event.position % 7 else []


def visits(row: dict[str, int], event: Recorded[Came], key: str) -> dict[str, int]:
    if key == "all" and event.data.person == "xerxes":
        raise ValueError("not all")
    return row | {event.key: row.get(event.key, 0) + 1}


def bracket(event: Recorded[Earned]) -> str:
    return f"{event.data.cents // 100}xx"


def bracket_row(row: int, event: Earned) -> int:
    return row + event.cents


VIEWS: list[View[Any]] = [
    View(
        "households",
        initial=Row(),
        evolve=household,
        indexes={
            "cents": lambda row: row.cents,
            "share": lambda row: row.share,
            "first": lambda row: row.people[0] if row.people else None,
        },
    ),
    View("everybody", initial=0, evolve=everybody),
    View("visits", initial={}, evolve=visits, key=initials, indexes={"seen": lambda row: len(row)}),
    View("brackets", initial=0, evolve=bracket_row, key=bracket),
]
house, dog = House(), Dog()
town = App("town", deciders=[house, dog], views=VIEWS)
forgetful = App("town", deciders=[ForgetfulHouse(), Dog()], views=VIEWS)  # Lost is in its history, not in its code


def fill(session: Session, *, events: int, keys: int, seed: int, faults: bool) -> None:
    """A seeded history; with `faults` some of it fails somewhere."""
    chance = random.Random(seed)
    homes, dogs, boundary = session.category(house), session.category(dog), session.dcb()
    people = ["ada", "bob", "cy", "dee"] + (["zed", "xerxes"] if faults else [])
    for number in range(events):
        key = f"k{chance.randrange(keys)}"
        kind = chance.random()
        if kind < 0.3:
            homes.handle(key, Came(chance.choice(people if number > events // 3 else people[:4])))
        elif kind < 0.7:
            homes.handle(key, Earned(POISON if faults and chance.random() < 0.02 else chance.randrange(600)))
        elif kind < 0.8:
            homes.handle(key, Left())
        elif kind < 0.9:
            dogs.handle(key, Walked(number))
        elif faults and kind < 0.91:
            homes.handle(key, Lost())
        else:
            one, other = stream("house", key), stream("dog", f"k{chance.randrange(keys)}")
            boundary.append([Tagged(Earned(number % 500), (one, other)), Tagged(Walked(number), (other,))])
