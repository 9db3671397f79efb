"""`leftfold check`: stored history against today's code. Each fault is planted, and must be found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from leftfold.check import CODES
from tests.cli.desk import Desk

UNION = ("Event = Opened | Deposited | TransferSent", "Event = Opened | TransferSent")


def found(desk: Desk, *args: str, code: int = 0) -> dict[str, Any]:
    return {one["code"]: one for one in desk.json("check", "bank:app", *args, code=code)}


def test_nothing_is_found_in_a_sound_app(bank: Desk) -> None:
    assert bank.ok("check", "bank:app") == "Nothing found in 5 events and today's code.\n"
    assert bank.json("check", "bank:app", "--strict") == []


def test_a_check_writes_nothing(bank: Desk) -> None:
    before = (bank.folder / "bank.db").read_bytes()
    bank.write(("evolve=balance)", "evolve=balance, version=2)"))
    bank.json("check", "bank:app", code=1)
    assert (bank.folder / "bank.db").read_bytes() == before


def test_a_stored_type_that_no_class_has_is_an_error(bank: Desk) -> None:
    bank.write(("Deposited", "PaidIn"))
    finding = found(bank, code=1)["unknown-type"]
    assert (finding["level"], finding["count"], finding["positions"]) == ("error", 2, [3, 5])
    assert "'Deposited'" in finding["message"]
    told = bank.ok("check", "bank:app", code=1)
    assert "error   stored type 'Deposited'" in told
    assert "[position 3, 5]" in told


def test_many_positions_are_counted(bank: Desk) -> None:
    with bank.session() as (session, account):
        for _ in range(10):
            session.category(account).handle("ann", account.Deposit(1))
    bank.write(("Deposited", "PaidIn"))
    assert "[position 3, 5, 6 and 9 more]" in bank.ok("check", "bank:app", code=1)


def test_an_event_that_no_longer_fits_its_class_is_an_error(bank: Desk) -> None:
    bank.write(
        (
            "class Deposited(Struct, frozen=True): amount: int",
            "class Deposited(Struct, frozen=True): amount: int; by: str",
        )
    )
    finding = found(bank, code=1)["misfit"]
    assert (finding["count"], finding["positions"]) == (2, [3, 5])
    assert "account/ann@2" in finding["message"]
    assert "by" in finding["message"]


def test_an_upcast_cures_it(bank: Desk) -> None:
    bank.write(
        ("class TransferSent", "class Deposited2(Struct, frozen=True): amount: int; by: str\nclass TransferSent"),
        ("Event = Opened | Deposited |", "Event = Opened | Deposited2 |"),
        ("[Deposited(amount)]", '[Deposited2(amount, "teller")]'),
        ("case Deposited(amount): return Account", "case Deposited2(amount): return Account"),
        ("case Deposited(amount): return Balance", "case account.Deposited2(amount): return Balance"),
        (
            "class Refused",
            'def lift(old: Deposited) -> Deposited2: return Deposited2(old.amount, "")\nupcasts = [lift]\nclass Refused',
        ),
    )
    assert "misfit" not in found(bank)


def test_damaged_bytes_are_an_error(bank: Desk) -> None:
    import sqlite3

    with sqlite3.connect(bank.folder / "bank.db") as database:
        database.execute("UPDATE events SET body = x'5b31' WHERE position = 3")
    database.close()
    finding = found(bank, code=1)["damaged"]
    assert (finding["level"], finding["positions"]) == ("error", [3])


def test_events_and_handlers_that_never_meet_are_notes(bank: Desk) -> None:
    bank.write(
        ("class TransferSent", "class Closed(Struct, frozen=True): why: str\nclass TransferSent"),
        ("Event = Opened |", "Event = Opened | Closed |"),
    )
    bank.write(
        ("class TransferSent", "class Closed(Struct, frozen=True): why: str\nclass TransferSent"),
        ("Event = Opened |", "Event = Opened | Closed |"),
        ("row: Balance, event: account.Event", "row: Balance, event: Opened | Deposited | TransferSent"),
        ("def count(total: int, event: Opened)", "def count(total: int, event: Opened | account.Frozen)"),
        ("def by_owner(event: Recorded[Opened]) ->", "def by_owner(event: Recorded[Opened | account.Frozen]) ->"),
        ("return event.data.owner", "return event.data.owner if isinstance(event.data, Opened) else event.data.why"),
        ("class Refused", "class Frozen(Struct, frozen=True): why: str\nclass Refused"),
        ("reactions=[credit])", "reactions=[credit], events=account.Frozen)"),
    )
    findings = found(bank)
    assert (findings["unfollowed"]["level"], findings["unfed"]["level"]) == ("note", "note")
    assert "Closed is taken by no view and no reaction" in findings["unfollowed"]["message"]
    assert "view 'owners' version 1 takes Frozen" in findings["unfed"]["message"]


def test_a_clock_in_a_fold_is_an_error(bank: Desk) -> None:
    bank.write(
        ("from msgspec import Struct\n\nclass Open(", "import time\nfrom msgspec import Struct\n\nclass Open("),
        (
            "case Deposited(amount): return Account(account.is_open, account.balance + amount)",
            "case Deposited(amount): return Account(account.is_open, account.balance + amount + int(time.time()))",
        ),
    )
    finding = found(bank, code=1)["impure-fold"]
    assert finding["level"] == "error"
    assert "account.evolve reaches time.time (in account.evolve, line" in finding["message"]


def test_a_clock_in_a_view_and_its_key_is_an_error(bank: Desk) -> None:
    bank.write(
        ("import account\n", "import account, random\n"),
        ("-> str: return event.data.owner", "-> str: return event.data.owner + str(random.random())"),
    )
    assert "bank.by_owner reaches random.random" in found(bank, code=1)["impure-fold"]["message"]


def test_chance_in_a_decision_is_a_warning_that_strict_counts(bank: Desk) -> None:
    bank.write(
        ("from msgspec import Struct\n\nclass Open(", "import uuid\nfrom msgspec import Struct\n\nclass Open("),
        ("return [Opened(owner)]", "return [Opened(owner + str(uuid.uuid4()))]"),
    )
    finding = found(bank)["impure-decision"]
    assert finding["level"] == "warning"
    assert "account.decide reaches uuid.uuid4" in finding["message"]
    assert found(bank, "--strict", code=1).keys() == {"impure-decision"}


def test_an_event_that_fills_its_fields_by_chance_is_a_warning(bank: Desk) -> None:
    bank.write(
        ("from msgspec import Struct\n\nclass Open(", "import uuid\nfrom msgspec import Struct, field\n\nclass Open("),
        (
            "class Opened(Struct, frozen=True): owner: str",
            "class Opened(Struct, frozen=True): owner: str; id: uuid.UUID = field(default_factory=uuid.uuid4)",
        ),
    )
    finding = found(bank)["impure-event"]
    assert finding["level"] == "warning"
    assert "account.Opened reaches uuid.uuid4 (a field's default" in finding["message"]


def test_a_reaction_that_asks_the_time_is_a_warning(bank: Desk) -> None:
    bank.write(
        ("import account\n", "import account, time\n"),
        ("Deposit(event.data.amount))]", "Deposit(event.data.amount + int(time.time())))]"),
    )
    assert found(bank)["impure-reaction"]["level"] == "warning"


def test_a_state_that_can_be_changed_in_place_is_a_warning(bank: Desk) -> None:
    bank.write(
        ("class Account(Struct, frozen=True)", "class Account(Struct)"),
        ("class Balance(Struct, frozen=True)", "class Balance(Struct)"),
    )
    messages = [one["message"] for one in bank.json("check", "bank:app") if one["code"] == "mutable-state"]
    assert [message.partition(" (")[0] for message in messages] == [
        "the initial state of 'account'",
        "the initial row of view 'balances'",
    ]


def test_a_frozen_state_that_holds_a_dict_says_where(bank: Desk) -> None:
    bank.write(
        ("class Account(Struct, frozen=True):", "class Account(Struct, frozen=True):\n    seen: dict[str, int] = {}")
    )
    assert "Its class is frozen, the dict in 'seen' is not." in found(bank)["mutable-state"]["message"]


def test_a_view_that_changed_under_an_old_version_is_a_warning(bank: Desk) -> None:
    bank.write(("return Balance(row.owner, row.cents + amount)", "return Balance(row.owner, row.cents + amount * 2)"))
    finding = found(bank)["changed-view"]
    assert finding["level"] == "warning"
    assert "balances@1.0-" in finding["message"]


def test_a_live_version_that_left_the_code_is_an_error(bank: Desk) -> None:
    bank.write(("evolve=balance)", "evolve=balance, version=2)"))
    finding = found(bank, code=1)["live-version-gone"]
    assert finding["level"] == "error"
    assert "leftfold views bank:app rebuild balances" in bank.ok("check", "bank:app", code=1)
    bank.ok("views", "bank:app", "rebuild", "balances")
    bank.ok("views", "bank:app", "promote", "balances")
    assert "live-version-gone" not in found(bank)


def test_a_parked_lane_is_an_error(desk: Desk) -> None:
    desk.write(
        (
            "def count(total: int, event: Opened) -> int: return total + 1",
            "def count(total: int, event: Opened) -> int: return 1 // 0",
        )
    )
    desk.fill()
    finding = found(desk, code=1)["parked"]
    assert (finding["count"], finding["positions"]) == (2, [1, 2])


def test_a_renamed_reaction_would_react_to_all_history_again(bank: Desk) -> None:
    bank.write(("def credit(", "def arrive("), ("reactions=[credit]", "reactions=[arrive]"))
    finding = found(bank)["renamed-reaction"]
    assert (finding["level"], finding["count"]) == ("warning", 1)
    assert "reactions={'credit': arrive}" in finding["message"]
    bank.write(("def credit(", "def arrive("), ("reactions=[credit]", "reactions={'credit': arrive}"))
    assert found(bank) == {}


def test_a_new_or_removed_reaction_is_a_note(desk: Desk) -> None:
    desk.write(("reactions=[credit]", "reactions=[]"))
    desk.fill()
    assert found(desk) == {}
    desk.write()
    assert found(desk)["new-reaction"]["level"] == "note"
    with desk.session() as (session, _):
        session.catch_up()
    desk.write(("reactions=[credit]", "reactions=[]"))
    assert found(desk)["orphan-reaction"]["level"] == "note"


def test_the_worst_comes_first(bank: Desk) -> None:
    bank.write(("Deposited", "PaidIn"), ("class Account(Struct, frozen=True)", "class Account(Struct)"))
    levels = [one["level"] for one in bank.json("check", "bank:app", code=1)]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert set(levels) == {"error", "warning", "note"}


def test_an_empty_store_has_nothing_to_say(desk: Desk) -> None:
    with desk.session():
        pass
    assert found(desk) == {}


def test_every_kind_of_finding_is_planted_in_here(record_property: Callable[[str, object], None]) -> None:
    there = [Path(__file__).parents[1] / name for name in ("publish/test_operators.py", "processes/test_check.py")]
    texts = "".join(path.read_text() for path in (Path(__file__), *there))
    planted = [code for code in CODES if f'"{code}"' in texts]
    record_property("figure", f"check: {len(planted)} of {len(CODES)} kinds of planted faults found")
    assert planted == list(CODES)
