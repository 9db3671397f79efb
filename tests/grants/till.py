"""A domain as small as it can be, for what deployed functions were not seen to use."""

from msgspec import Struct

from leftfold import Recorded, Send, View, send
from leftfold.processes import Due, Refused


class Open(Struct, frozen=True):
    owner: str


class Close(Struct, frozen=True):
    pass


class Opened(Struct, frozen=True):
    owner: str


class No(Exception):
    pass


class Till:
    """Opens, and closes for nobody."""

    category, initial, refusals = "till", 0, (No,)

    def decide(self, command: Open | Close, state: int) -> list[Opened]:
        if isinstance(command, Close):
            raise No
        return [Opened(command.owner)]

    def evolve(self, state: int, event: Opened) -> int:
        return state + 1


till = Till()


def count(row: int, event: Opened) -> int:
    return row + 1


def broken(row: int, event: Opened) -> int:
    raise ValueError("as planned")


def view(version: int = 1) -> View[int]:
    return View("counts", initial=0, evolve=count, indexes={"opened": lambda row: row}, version=version)


poisoned = View("counts", initial=0, evolve=broken)


def of(event: Recorded[Opened]) -> str | None:
    return event.key


def remember(memory: int, event: Opened | Due | Refused) -> int:
    return memory + 1


def react(memory: int, event: Opened | Due | Refused) -> list[Send]:
    return [send(till, "other", Close())] if memory == 1 else []
