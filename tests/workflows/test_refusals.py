"""Whichever step is refused or given up: exactly what was done before is undone, last declared first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from msgspec import Struct

from leftfold import App, Send, Step, Workflow, send
from leftfold.core.workflow_runs import Performed
from leftfold.core.workflows import AnyNode
from leftfold.workflows import Choice, Parallel, Retry
from tests.workflows.shop import Put, Shelf

How = Literal["refused", "given up", "partly"]

shelf = Shelf()


class Trip(Struct, frozen=True):
    """Which step goes wrong, and how."""

    wrong: str
    how: How = "refused"


def step(name: str, *, undo: bool = True) -> Step[Trip]:
    def do(trip: Trip) -> list[Send]:
        if trip.wrong != name:
            return [send(shelf, "one", Put(name))]
        if trip.how == "given up":
            raise OSError("the line is down")
        no = send(shelf, "one", Put("refuse"))
        return [no] if trip.how == "refused" else [send(shelf, "one", Put(name)), no]

    def back(trip: Trip) -> Send:
        return send(shelf, "one", Put(f"back {name}"))

    return Step(name, do=do, undo=back if undo else None, retry=Retry(times=1))


def middle(trip: Trip) -> str:
    return "left"


STEPS: Sequence[AnyNode] = [
    step("a"),
    step("b", undo=False),
    Parallel("p", branches=[[step("c"), step("d")], [step("e"), step("f")]]),
    Choice("way", by=middle, branches={"left": [step("g"), step("h")], "right": [step("i")]}),
    step("j"),
]
trips = Workflow("trips", data=Trip, steps=STEPS)
app = App("trips", deciders=[shelf], workflows=[trips])

# What was done when this step goes wrong: a branch of the Parallel comes to its end though the other one has failed.
DONE_BEFORE = {
    "a": "",
    "b": "a",
    "c": "abef",
    "d": "abcef",
    "e": "abcd",
    "f": "abcde",
    "g": "abcdef",
    "h": "abcdefg",
    "j": "abcdefgh",
}


def run(trip: Trip, check: Callable[[list[str], tuple[str, ...]], None]) -> None:
    with app.open("memory:") as session:
        session.workflow(trips).start("one", trip)
        session.catch_up()
        assert session.workflow(trips).status("one").status == "compensated"
        undone = [
            one.data.step for one in session.log() if isinstance(one.data, Performed) and one.data.direction == "undo"
        ]
        check(undone, session.category(shelf).state("one"))


@pytest.mark.parametrize(("wrong", "done"), DONE_BEFORE.items(), ids=list(DONE_BEFORE))
def test_what_was_done_is_undone_in_reverse_order(wrong: str, done: str) -> None:
    expected = [name for name in reversed(done) if name != "b"]  # b can't be undone

    def check(undone: list[str], sent: tuple[str, ...]) -> None:
        assert undone == expected
        assert sorted(sent[: len(done)]) == sorted(done)
        assert sent[len(done) :] == tuple(f"back {name}" for name in expected)

    run(Trip(wrong), check)


@pytest.mark.parametrize("how", ["given up", "partly"])
@pytest.mark.parametrize(("wrong", "done"), DONE_BEFORE.items(), ids=list(DONE_BEFORE))
def test_a_step_of_unknown_effect_is_undone_too(wrong: str, done: str, how: How) -> None:
    expected = [name for name in sorted(f"{done}{wrong}", reverse=True) if name != "b"]

    def check(undone: list[str], sent: tuple[str, ...]) -> None:
        assert undone == expected

    run(Trip(wrong, how), check)


def test_when_nothing_goes_wrong_nothing_is_undone() -> None:
    with app.open("memory:") as session:
        session.workflow(trips).start("one", Trip("nothing"))
        session.catch_up()
        status = session.workflow(trips).status("one")
        assert (status.status, status.undone, status.errors) == ("done", (), {})
        assert status.done == ("a", "b", "c", "d", "e", "f", "way", "g", "h", "j")
        assert session.category(shelf).state("one") == tuple("abcdefghj")
