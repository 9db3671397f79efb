"""`leftfold dead`: parked lanes, refused commands, retry and skip."""

import pytest

from leftfold.inbox import Inbox
from tests.cli.desk import Desk
from tests.inbox.sender import sent

POISON = (
    "case Deposited(amount): return Balance(",
    "case Deposited(13): raise ValueError('thirteen')\n        case Deposited(amount): return Balance(",
)


@pytest.fixture
def parked(desk: Desk) -> Desk:
    """ann's row is parked at position 2, with two events behind it; bob's goes on. Then the code is as it should be."""
    desk.write(POISON)
    with desk.session() as (session, account):
        accounts = session.category(account)
        accounts.handle("ann", account.Open("Ann"))
        for amount in (13, 1, 2):
            accounts.handle("ann", account.Deposit(amount))
        accounts.handle("bob", account.Open("Bob"))
        session.catch_up()
    return desk


def cents(desk: Desk, key: str) -> int:
    found: int = desk.json("explain", "bank:app", "balances", key)["stored"]["cents"]
    return found


def test_a_parked_lane_is_listed_with_what_went_wrong_and_what_waits(parked: Desk) -> None:
    told = parked.ok("dead", "bank:app")
    assert "row:ann  position 2, 2 more behind it" in told
    assert "ValueError: thirteen" in told
    assert "leftfold dead bank:app retry" in told


def test_programs_get_the_letters(parked: Desk) -> None:
    letters = parked.lines("dead", "bank:app", "list")
    assert [(one["lane"], one["position"], one["kind"]) for one in letters] == [
        ("row:ann", 2, "poison"),
        ("row:ann", 3, "queued"),
        ("row:ann", 4, "queued"),
    ]
    assert parked.lines("dead", "bank:app", "list", "owners") == []


def test_the_events_of_a_lane_are_shown_as_stored(parked: Desk) -> None:
    first, error, *rest = parked.ok("dead", "bank:app", "show", "balances", "row:ann").splitlines()
    assert first.endswith("account/ann@2  Deposited  amount=13  poison")
    assert "ValueError: thirteen" in error
    assert [line.split()[-1] for line in rest] == ["queued", "queued"]
    shown = parked.json("dead", "bank:app", "show", "balances", "row:ann")
    assert [one["event"]["data"] for one in shown] == [{"amount": 13}, {"amount": 1}, {"amount": 2}]


def test_a_retry_with_the_same_code_fails_again_and_says_so(parked: Desk) -> None:
    assert "still fails, 3 events waiting" in parked.ok("dead", "bank:app", "retry", code=1)
    (left,) = parked.json("dead", "bank:app", "retry", code=1)
    assert (left["lane"], left["waiting"]) == ("row:ann", 3)
    assert cents(parked, "ann") == 0


def test_a_retry_with_mended_code_frees_the_lane_in_order(parked: Desk) -> None:
    parked.write()
    assert "row:ann  is free" in parked.ok("dead", "bank:app", "retry")
    assert cents(parked, "ann") == 16
    assert "Nothing is parked" in parked.ok("dead", "bank:app")
    assert "Nothing is parked" in parked.ok("dead", "bank:app", "retry")


def test_a_retry_of_one_lane_leaves_the_others(parked: Desk) -> None:
    parked.write()
    assert "no parked lane" in parked.error("dead", "bank:app", "retry", "balances", "row:bob", code=3)
    assert "is free" in parked.ok("dead", "bank:app", "retry", "balances", "row:ann")


def test_a_skip_keeps_its_reason_and_frees_the_lane(parked: Desk) -> None:
    assert "is free" in parked.ok("dead", "bank:app", "skip", "balances", "row:ann", "--reason", "typing error")
    assert cents(parked, "ann") == 3
    told = parked.ok("dead", "bank:app", "list", "--skipped")
    assert "typing error (was: ValueError: thirteen)" in told
    assert "1 letter skipped" in told
    (letter,) = parked.lines("dead", "bank:app", "list", "--skipped")
    assert letter["kind"] == "skipped"


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", "  ")])
def test_a_skip_needs_a_reason(parked: Desk, reason: tuple[str, ...]) -> None:
    assert "--reason" in parked.error("dead", "bank:app", "skip", "balances", "row:ann", *reason, code=2)
    assert len(parked.lines("dead", "bank:app")) == 3


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("show",), 2),
        (("show", "balances"), 2),
        (("skip", "balances", "--reason", "x"), 2),
        (("forget",), 2),
        (("show", "nobody", "row:ann"), 3),
        (("show", "balances", "row:nobody"), 3),
        (("skip", "balances", "row:nobody", "--reason", "x"), 3),
        (("retry", "balances@9.9-00000000", "row:ann"), 3),
        (("retry", "balances@", "row:ann"), 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_is_said(parked: Desk, args: tuple[str, ...], code: int) -> None:
    assert parked.error("dead", "bank:app", *args, code=code)


def test_a_build_that_left_the_code_cant_be_retried(parked: Desk) -> None:
    (build,) = {one["subscriber"] for one in parked.lines("dead", "bank:app")}
    parked.write(("evolve=balance)", "evolve=balance, version=2)"))
    assert "no longer in the code" in parked.error("dead", "bank:app", "retry", build, "row:ann", code=3)


def test_a_refused_command_of_a_reaction_is_listed(desk: Desk) -> None:
    with desk.session() as (session, account):
        accounts = session.category(account)
        accounts.handle("ann", account.Open("Ann"))
        accounts.handle("ann", account.Transfer("nobody", 5))
        session.catch_up()
    assert "1 refused command: --refused" in desk.ok("dead", "bank:app")
    assert "Deposit: Refused: no such account" in desk.ok("dead", "bank:app", "list", "--refused")
    (letter,) = desk.lines("dead", "bank:app", "list", "credit", "--refused")
    assert (letter["subscriber"], letter["position"]) == ("reaction:credit", 2)
    assert "1 command refused: leftfold dead bank:app list --refused" in desk.ok("views", "bank:app")


def test_letters_of_an_inbox_in_the_same_store_are_listed_and_left_to_it(parked: Desk) -> None:
    with parked.session() as (session, _):
        inbox = Inbox(session.backend, name="shop")
        inbox.take(sent("order/7", 1, source="shop"), lambda event: 1 / 0)
    listed = parked.ok("dead", "bank:app")
    assert "ZeroDivisionError" in listed
    assert "ValueError: thirteen" in listed
    lane = ("inbox:shop:shop order/7", "shop order/7")
    assert "by its Inbox" in parked.run("dead", "bank:app", "retry", *lane).output
    assert "this log has not" in parked.run("dead", "bank:app", "show", *lane).output
    assert "row:ann" in parked.ok("dead", "bank:app", "retry", code=1)
