"""`leftfold workflow`: drawn, begun, looked at, answered, retried."""

from __future__ import annotations

import json
import sys

import pytest

from leftfold.cli.apps import load_app
from tests.cli.desk import Desk, fresh_modules

SHOP = """
from leftfold import App, Step, Workflow
from leftfold.workflows import Await, Retry
from msgspec import Struct

class Order(Struct, frozen=True): cents: int; notes: tuple[str, ...] = ()
class Approval(Struct, frozen=True): by: str

broken = True

class Declined(Exception): ...

def reserve(order: Order) -> None: ...
def release(order: Order) -> None:
    if broken: raise ValueError("the shelf is locked")
def charge(order: Order) -> None:
    if order.cents > 1000: raise Declined("too much")
def noted(order: Order, result: Approval) -> Order: return Order(order.cents, (*order.notes, result.by))

checkout = Workflow(
    "checkout",
    data=Order,
    steps=[
        Step("reserve", do=reserve, undo=release, retry=Retry(times=1)),
        Await("approval", answer=Approval),
        Step("charge", do=charge),
    ],
    evolve=noted,
    refusals=(Declined,),
)
app = App("shop", workflows=[checkout])
"""


@pytest.fixture
def shop(desk: Desk) -> Desk:
    (desk.folder / "shop.py").write_text(SHOP)
    run(desk)  # which makes the store
    return desk


def run(desk: Desk, **settings: object) -> None:
    """Let the app's runners do all that there is to do."""
    with fresh_modules():
        app = load_app("shop:app", desk.folder)
        vars(sys.modules["shop"]).update(settings)
        with app.open("sqlite:shop.db") as session:
            session.catch_up()


def test_a_run_is_begun_answered_and_ends(shop: Desk) -> None:
    begun = shop.json("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 700}', "--actor", "ann")
    assert (begun["status"], begun["data"]) == ("running", {"cents": 700, "notes": []})
    run(shop)
    told = shop.ok("workflow", "shop:app", "status", "checkout", "o1")
    assert "checkout/o1  version 1  waiting" in told
    assert "waits for  approval" in told
    assert "leftfold workflow shop:app answer checkout o1 approval" in told
    shop.ok("workflow", "shop:app", "answer", "checkout", "o1", "approval", '{"by": "bob"}')
    run(shop)
    done = shop.json("workflow", "shop:app", "status", "checkout", "o1")
    assert done["status"] == "done"
    assert done["done"] == ["reserve", "approval", "charge"]
    assert done["data"]["notes"] == ["bob"]


def test_the_same_start_again_is_the_same_and_another_one_is_refused(shop: Desk) -> None:
    for _ in range(2):
        shop.ok("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 700}')
    assert "began with other data" in shop.error(
        "workflow", "shop:app", "start", "checkout", "o1", '{"cents": 800}', code=3
    )


def test_a_run_that_failed_says_why_and_is_retried_once_it_is_mended(shop: Desk) -> None:
    shop.ok("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 7000}')
    run(shop)
    shop.ok("workflow", "shop:app", "answer", "checkout", "o1", "approval", '{"by": "bob"}')
    run(shop)
    told = shop.ok("workflow", "shop:app", "status", "checkout", "o1")
    assert "failed" in told
    assert "the shelf is locked" in told
    assert "leftfold workflow shop:app retry checkout o1" in told
    shop.ok("workflow", "shop:app", "retry", "checkout", "o1")
    run(shop, broken=False)
    assert shop.json("workflow", "shop:app", "status", "checkout", "o1")["status"] == "compensated"
    assert "only a failed one" in shop.error("workflow", "shop:app", "retry", "checkout", "o1", code=3)


def test_it_is_drawn(shop: Desk) -> None:
    drawn = shop.ok("workflow", "shop:app", "draw", "checkout")
    assert drawn.startswith('flowchart TD\n  start(["checkout v1"])\n')
    assert "n_reserve -. fails .-> u_reserve" in drawn
    assert "classDef" not in drawn


def test_a_run_is_drawn_as_far_as_it_has_come(shop: Desk) -> None:
    shop.ok("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 700}')
    run(shop)
    drawn = shop.ok("workflow", "shop:app", "draw", "checkout", "--run", "o1")
    assert "  class n_reserve done\n" in drawn
    assert "  class n_approval under_way\n" in drawn


def test_the_machine_is_shown(shop: Desk) -> None:
    machine = json.loads(shop.ok("workflow", "shop:app", "draw", "checkout", "--asl", "--function", "arn:f"))
    assert machine["StartAt"] == "reserve"
    assert machine["States"]["reserve"]["Parameters"]["FunctionName"] == "arn:f"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["draw", "payout"], 3, "workflows: checkout v1", id="no such workflow"),
        pytest.param(["draw", "checkout", "--version", "2"], 3, "checkout v1", id="no such version"),
        pytest.param(["status", "checkout", "o9"], 3, "no run 'o9'", id="no such run"),
        pytest.param(["status", "checkout"], 2, "workflow shop:app status checkout RUN.", id="no run named"),
        pytest.param(["start", "checkout", "o1"], 2, "start checkout RUN DATA.", id="no data"),
        pytest.param(["draw", "checkout", "--run", "o9"], 3, "no run 'o9'", id="no such run to draw"),
        pytest.param(["start", "checkout", "o1", "{}"], 2, "cents", id="data without a field"),
        pytest.param(["start", "checkout", "o1", "{"], 2, "JSON", id="no JSON"),
        pytest.param(
            ["draw", "checkout", "o1"], 2, "draw checkout [--run RUN].", id="a run to draw without its option"
        ),
    ],
)
def test_what_can_not_be_is_said(shop: Desk, words: list[str], code: int, said: str) -> None:
    assert said in shop.error("workflow", "shop:app", *words, code=code)


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        pytest.param("approve", 3, "no step 'approve' (it has reserve, approval, charge)", id="no such step"),
        pytest.param("reserve", 3, "'reserve' waits for nobody's answer", id="a step that waits for nothing"),
        pytest.param("approval", 2, "Invalid value for RESULT", id="a result of another class"),
    ],
)
def test_what_takes_no_such_answer_is_said(shop: Desk, step: str, code: int, said: str) -> None:
    shop.ok("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 700}')
    assert said in shop.error("workflow", "shop:app", "answer", "checkout", "o1", step, "{}", code=code)


@pytest.mark.parametrize("text", ["", "{", '{"cents": "x"}', "[]", '{"cents": 7\udcff}'], ids=str.__repr__)
def test_data_that_is_none_begins_nothing(shop: Desk, text: str) -> None:
    shop.error("workflow", "shop:app", "start", "checkout", "o1", text, code=2)
    assert "no run" in shop.error("workflow", "shop:app", "status", "checkout", "o1", code=3)


@pytest.mark.parametrize("text", ["", '{"by": 1}', '{"by": "\udcff"}'], ids=str.__repr__)
def test_an_answer_that_is_none_answers_nothing(shop: Desk, text: str) -> None:
    shop.ok("workflow", "shop:app", "start", "checkout", "o1", '{"cents": 700}')
    shop.error("workflow", "shop:app", "answer", "checkout", "o1", "approval", text, code=2)
    run(shop)
    assert shop.json("workflow", "shop:app", "status", "checkout", "o1")["waits_for"] == ["approval"]
