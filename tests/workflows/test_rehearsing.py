"""The testing kit runs a workflow without a store, with whatever a test plants, and says the story."""

from __future__ import annotations

import pytest

from leftfold import ConfigError, Step, Workflow, send
from leftfold.testing import rehearse
from tests.workflows.shop import (
    Away,
    Declined,
    Full,
    Note,
    Order,
    Paid,
    Put,
    bank,
    choosing,
    linear,
    noted,
    outside,
    parallel,
    shelf,
    waiting,
)


def test_a_run_that_succeeds_says_what_it_did() -> None:
    told = rehearse(parallel, Order("1"), results={"charge": Note("charged")})
    told.tells("reserve", "charge", "label", "pack", "end")
    told.sends(*(send(shelf, "1", Put(what)) for what in ("reserve", "label", "pack", "end")))
    told.ends("done", Order("1", notes=("charged",)))


def test_a_planted_refusal_undoes_what_was_done() -> None:
    told = rehearse(choosing, Order("1"), refuse={"land": Full("no room")})
    told.tells("reserve", "way: air", "fly", "land: Full: no room", "undo fly", "undo reserve")
    told.ends("compensated")


def test_a_planted_failure_is_tried_and_then_undone() -> None:
    bank.effects.clear()
    told = rehearse(
        outside,
        Order("1"),
        results={"charge": None},
        fail={"flaky": Away("down")},
        refuse={"undo charge": Declined("no")},
    )
    told.tells("reserve", "charge", "flaky: Away: down", "undo flaky", "undo charge: Declined: no")
    told.ends("failed")


def test_waits_take_no_time_and_awaits_are_answered() -> None:
    told = rehearse(waiting, Order("1"), answers={"paid": Paid(7), "approval": Note("fine")})
    told.tells("reserve", "cool_off", "paid", "approval", "end")
    told.ends("done", Order("1", notes=("paid 7", "fine")))


def test_an_await_without_an_answer_times_out() -> None:
    told = rehearse(waiting, Order("1"), answers={"paid": Paid(7)})
    told.tells("reserve", "cool_off", "paid", "approval: no answer came in time", "undo reserve")


def test_what_is_planted_nowhere_is_refused() -> None:
    with pytest.raises(ConfigError, match="no step 'nothing'"):
        rehearse(linear, Order("1"), refuse={"nothing": Full()})
    with pytest.raises(ConfigError, match="no Await 'reserve'"):
        rehearse(linear, Order("1"), answers={"reserve": None})


def test_a_story_that_is_not_the_expected_one_is_shown() -> None:
    workflow = Workflow("one", data=Order, steps=[Step("first", do=lambda order: None)], evolve=noted)
    told = rehearse(workflow, Order("1"))
    with pytest.raises(AssertionError, match="first"):
        told.tells("second")
    with pytest.raises(AssertionError, match="compensated"):
        told.ends("compensated")
    with pytest.raises(AssertionError, match="expected"):
        told.sends(send(shelf, "1", Put("x")))


def test_the_workflow_itself_is_left_as_it_is() -> None:
    rehearse(linear, Order("1"), results={"charge": None}, refuse={"end": Full()}).ends("compensated")
    assert linear.refused == ()
    assert type(linear.nodes["charge"]) is Step
