"""`leftfold explain`: why a row is what it is, field by field."""

import re

import pytest

from tests.cli.desk import Desk

POISON = (
    "case Deposited(amount): return Balance(",
    "case Deposited(13): raise ValueError('thirteen')\n        case Deposited(amount): return Balance(",
)


def test_each_step_names_event_time_command_actor_and_what_changed(bank: Desk) -> None:
    lines = bank.ok("explain", "bank:app", "balances", "ann").splitlines()
    assert re.fullmatch(r"balances/ann  balances@1\.0-[0-9a-f]{8}", lines[0])
    assert re.fullmatch(r" +1  [-:. 0-9]{23}  account/ann@1  Opened  Open by teller-1  command id c1", lines[1])
    assert lines[2].strip() == 'owner: "" -> "Ann"'
    assert re.fullmatch(r" +3  [-:. 0-9]{23}  account/ann@2  Deposited  Deposit by teller-2  command id c3", lines[3])
    assert lines[4].strip() == "cents: 0 -> 100"
    assert lines[5].endswith("account/ann@3  TransferSent  Transfer by ann  command id c4")
    assert lines[6].strip() == "cents: 100 -> 70"
    assert lines[7:] == ['= owner="Ann" cents=70']


def test_what_a_reaction_did_names_the_reaction(bank: Desk) -> None:
    told = bank.ok("explain", "bank:app", "balances", "bob")
    assert "Deposit by reaction:credit  command id credit:account/ann@3:0" in told


def test_programs_get_every_step(bank: Desk) -> None:
    found = bank.json("explain", "bank:app", "balances", "ann")
    assert found["agrees"]
    assert found["row"] == found["stored"] == {"owner": "Ann", "cents": 70}
    assert [(step["event"], step["command_id"], step["actor"], step["changes"]) for step in found["steps"]] == [
        ("account/ann@1", "c1", "teller-1", {"owner": ["", "Ann"]}),
        ("account/ann@2", "c3", "teller-2", {"cents": [0, 100]}),
        ("account/ann@3", "c4", "ann", {"cents": [100, 70]}),
    ]


def test_a_row_that_is_no_record_is_explained_as_a_whole(bank: Desk) -> None:
    told = bank.ok("explain", "bank:app", "owners", "Ann")
    assert "row: 0 -> 1" in told
    assert told.endswith("= 1\n")


def test_a_long_history_shows_the_newest_steps_and_counts_the_rest(bank: Desk) -> None:
    with bank.session() as (session, account):
        for _ in range(30):
            session.category(account).handle("bob", account.Deposit(1))
        session.catch_up()
    short = bank.ok("explain", "bank:app", "balances", "bob")
    assert "... 12 earlier steps not shown: --all" in short
    assert short.count("account/bob@") == 20
    assert 'owner="Bob" cents=60' in short
    whole = bank.ok("explain", "bank:app", "balances", "bob", "--all")
    assert whole.count("account/bob@") == 32
    assert len(bank.json("explain", "bank:app", "balances", "bob")["steps"]) == 32


def test_a_row_that_its_events_dont_make_is_warned_of(bank: Desk) -> None:
    bank.write(("return Balance(row.owner, row.cents - amount)", "return Balance(row.owner, row.cents)"))
    told = bank.ok("explain", "bank:app", "balances", "ann")
    assert 'the events fold to owner="Ann" cents=100' in told
    assert "leftfold views bank:app" in told
    assert '= owner="Ann" cents=70' in told
    assert not bank.json("explain", "bank:app", "balances", "ann")["agrees"]


def test_a_view_that_is_behind_says_so(bank: Desk) -> None:
    with bank.session() as (session, account):
        session.category(account).handle("ann", account.Deposit(5))
    told = bank.ok("explain", "bank:app", "balances", "ann")
    assert "cents=70" in told
    assert "the view is 1 event behind the log" in told


def test_a_parked_row_is_explained_up_to_where_it_stands(desk: Desk) -> None:
    desk.write(POISON)
    with desk.session() as (session, account):
        accounts = session.category(account)
        for command in (account.Open("Ann"), account.Deposit(5), account.Deposit(13), account.Deposit(7)):
            accounts.handle("ann", command)
        session.catch_up()
        parked = desk.json("explain", "bank:app", "balances", "ann")
        session.operations.skip(session.builds["balances"].builds().live or "", "row:ann", reason="a test")
    skipped = desk.json("explain", "bank:app", "balances", "ann")
    assert [step["event"] for step in parked["steps"]] == ["account/ann@1", "account/ann@2"]
    assert (parked["stored"]["cents"], parked["agrees"]) == (5, True)
    assert [step["event"] for step in skipped["steps"]] == ["account/ann@1", "account/ann@2", "account/ann@4"]
    assert (skipped["stored"]["cents"], skipped["agrees"]) == (12, True)


def test_an_event_without_a_key_spoils_no_other_rows_explanation(desk: Desk) -> None:
    desk.write(("-> str: return event.data.owner", "-> str: return {'Ann': 'ann'}[event.data.owner]"))
    desk.fill()
    assert desk.json("explain", "bank:app", "owners", "ann")["stored"] == 1


def test_code_that_cant_fold_what_it_once_did_is_named(bank: Desk) -> None:
    bank.write(
        ("case Deposited(amount): return Balance(row.owner", "case Deposited(amount): return Balance(row.nothing")
    )
    error = bank.error("explain", "bank:app", "balances", "ann", code=3)
    assert "can't fold account/ann@2" in error
    assert "AttributeError" in error


def test_rows_of_another_shape_say_what_to_do(bank: Desk) -> None:
    bank.write(('    owner: str = ""\n    cents: int = 0', "    owner: int = 0\n    cents: int = 0"))
    assert "leftfold views bank:app rebuild balances" in bank.error("explain", "bank:app", "balances", "ann", code=3)


@pytest.mark.parametrize("key", ["nobody", "", "a\x00b", "x" * 2000, "../ann"])
def test_a_key_without_a_row_is_said(bank: Desk, key: str) -> None:
    assert "key" in bank.error("explain", "bank:app", "balances", key, code=3) or key in ("nobody", "../ann")


def test_a_view_that_is_not_there_brings_the_names_that_are(bank: Desk) -> None:
    assert "views: balances, owners" in bank.error("explain", "bank:app", "balance", "ann", code=3)


def test_a_sql_view_is_its_authors_to_explain(bank: Desk) -> None:
    bank.write(
        (
            "app = App(",
            "def put(sql, event: Opened): sql.execute('INSERT INTO {seen} VALUES (1)')\n"
            "seen = SqlView('seen', schema='CREATE TABLE {seen} (x)', apply=put)\napp = App(",
        ),
        ("import App, Recorded, Send, View", "import App, Recorded, Send, SqlView, View"),
        ("views=[balances, owners]", "views=[balances, owners, seen]"),
    )
    assert "SqlView" in bank.error("explain", "bank:app", "seen", "ann", code=3)
