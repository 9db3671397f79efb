"""What can't work is refused where it is declared, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Recorded, Send, Step, Workflow
from leftfold.core.workflows import MAX_NODES, MAX_TRIES
from leftfold.workflows import Await, Choice, Parallel, Retry, Wait
from tests.workflows.shop import Note, Order, Paid, linear, noted, paid_for, put, shelf, till


def works(order: Order) -> list[Send]:
    return [put("x")(order)]


def notes(order: Order) -> Note:
    return Note("x")


def renews(order: Order) -> Order:
    return order


def silent(order: Order):  # type: ignore[no-untyped-def]
    return Note("x")


def lists(order: Order) -> list[int]:
    return [1]


def key_of_all(event: Recorded[Note]) -> str:
    return event.key


def make(*steps: Any, **more: Any) -> Workflow[Any]:
    return Workflow("w", data=Order, steps=steps, **more)


class Other:
    class Note(Struct, frozen=True):
        text: str


def other_notes(order: Order) -> Other.Note:
    return Other.Note("x")


def any_result(order: Order, result: object) -> Order:
    return order


def only_paid(order: Order, result: Paid) -> Order:
    return order


def a_chain(length: int) -> list[Step[Order]]:
    return [Step(f"s{n}", do=works) for n in range(length)]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no steps": (make, "no steps"),
    "two nodes of one name": (
        lambda: make(Step("a", do=works), Parallel("p", branches=[[Step("a", do=works)]])),
        "two nodes 'a'",
    ),
    "a name that is no name": (lambda: Step("Reserve stock", do=works), "lower-case"),
    "too many nodes": (lambda: make(*a_chain(MAX_NODES + 1)), f"limit is {MAX_NODES}"),
    "a result without evolve": (lambda: make(Step("a", do=notes)), "does not take"),
    "a result that evolve forgets": (
        lambda: make(Step("a", do=notes), evolve=only_paid),
        "does not take",
    ),
    "data out of a Parallel": (
        lambda: make(Parallel("p", branches=[[Step("a", do=renews)]]), evolve=noted),
        "inside a Parallel",
    ),
    "no return annotation": (lambda: make(Step("a", do=silent)), "annotate what it returns"),
    "a result without a class": (lambda: make(Step("a", do=lists)), "a class of its own"),
    "two results of one name": (
        lambda: make(Step("a", do=notes), Step("b", do=other_notes), evolve=any_result),
        "two result classes 'Note'",
    ),
    "a choice of nothing": (lambda: Choice[Order]("c", by=lambda order: "x", branches={}), "no branches"),
    "a parallel of nothing": (lambda: Parallel[Order]("p", branches=[]), "needs branches"),
    "a parallel with an empty branch": (
        lambda: Parallel("p", branches=[[], [Step("a", do=works)]]),
        "at least one step",
    ),
    "a wait for nothing": (lambda: Wait[Order]("w"), "for_s, or until"),
    "a wait for ever": (lambda: Wait[Order]("w", for_s=float("inf")), "at most 365 days"),
    "a wait for no time": (lambda: Wait[Order]("w", for_s=0), "over 0"),
    "an event of nobody": (lambda: Await("a", event=Paid), "whose event"),
    "an event and an answer": (lambda: Await("a", key=paid_for, answer=Note), "not for both"),
    "a lambda that names no event": (lambda: Await("a", key=lambda event: event.key), "name the event classes"),
    "too many tries": (lambda: Step("a", do=works, retry=Retry(times=MAX_TRIES + 1)), f"1 to {MAX_TRIES}"),
    "no try": (lambda: Step("a", do=works, retry=Retry(times=0)), "counts the first try"),
    "pauses that fall": (lambda: Step("a", do=works, retry=Retry(factor=0.5)), "must not fall"),
    "a deadline in the past": (lambda: Step("a", do=works, timeout_s=-1), "timeout_s must be over 0"),
    "a version that is none": (lambda: make(Step("a", do=works), version=0), "version must be 1"),
    "a category of somebody else's": (
        lambda: App("x", deciders=[shelf], workflows=[Workflow("shelf", data=Order, steps=[Step("a", do=works)])]),
        "category 'shelf' is declared twice",
    ),
    "one version twice": (lambda: App("x", deciders=[shelf], workflows=[linear, linear]), "declared twice"),
    "an event that nobody emits": (
        lambda: App("x", deciders=[shelf], workflows=[make(Await("a", key=key_of_all))]),
        "which no decider of this app emits",
    ),
}


@pytest.mark.parametrize(("declare", "says"), REFUSED.values(), ids=list(REFUSED))
def test_it_is_refused(declare: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        declare()


def test_what_works_is_taken() -> None:
    workflow = make(
        Step("a", do=works, undo=lambda order: None, timeout_s=5),
        Step("b", do=renews),
        Parallel("p", branches=[[Step("c", do=notes)], [Await("d", key=paid_for), Wait("e", for_s=1)]]),
        Choice[Order]("f", by=lambda order: "x", branches={"x": [], "y": [Step("g", do=lambda order: None)]}),
        Await("h", answer=Note | None),
        Await("i", key=lambda event: event.key, event=Paid),
        evolve=noted,
        version=3,
    )
    assert list(workflow.nodes) == ["a", "b", "p", "c", "d", "e", "f", "g", "h", "i"]
    assert sorted(workflow.types) == ["NoneType", "Note", "Order", "Paid"]
    assert App("x", deciders=[shelf, till], workflows=[workflow]).workflows == (workflow,)
