"""A domain of dataclasses, and the decider a value of a class: no base class, no module."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_type

from leftfold import App, Outcome, Recorded, View
from leftfold.category import Category


@dataclass(frozen=True)
class Count:
    by: int


@dataclass(frozen=True)
class Counted:
    by: int


@dataclass(frozen=True)
class Cleared:
    pass


@dataclass(frozen=True)
class Total:
    n: int = 0


class Counter:
    category = "counter"
    initial = Total()

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def decide(self, command: Count, state: Total) -> Sequence[Counted | Cleared]:
        return (Counted(command.by),) if state.n + command.by <= self.limit else (Cleared(),)

    def evolve(self, state: Total, event: Counted | Cleared) -> Total:
        match event:
            case Counted(by):
                return Total(state.n + by)
            case Cleared():
                return Total()


@dataclass(frozen=True)
class Frozen:
    """A decider may be a frozen dataclass of its parts."""

    category: str
    initial: int

    def decide(self, command: Count, state: int) -> list[Counted]:
        return [Counted(command.by)]

    def evolve(self, state: int, event: Counted) -> int:
        return state + event.by


def totals(row: Total, event: Recorded[Counted]) -> Total:
    return Total(row.n + event.data.by)


counter, frozen = Counter(10), Frozen("frozen", 0)
view = View("totals", initial=Total(), evolve=totals, indexes={"n": lambda row: row.n})
app = App("counting", deciders=[counter, frozen], views=[view])
with app.run("memory:") as session:
    assert_type(session.category(counter), Category[Count, Total, Counted | Cleared])
    assert_type(session.category(counter).handle("a", Count(1)), Outcome[Total, Counted | Cleared])
    assert_type(session.category(frozen).handle("a", Count(1)).state, int)
    assert_type(session.view(view).get("a"), Total)
