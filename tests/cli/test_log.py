"""`leftfold log`: which events, in which form."""

import json
import re
from datetime import UTC, datetime

import pytest

from tests.cli.desk import Desk


def ids(bank: Desk, *args: str) -> list[str]:
    return [event["id"] for event in bank.lines("log", "bank:app", *args)]


ALL = ["account/ann@1", "account/bob@1", "account/ann@2", "account/ann@3", "account/bob@2"]


def test_a_line_says_what_happened_and_who_asked_for_it(bank: Desk) -> None:
    lines = bank.ok("log", "bank:app").splitlines()
    assert len(lines) == 5
    assert re.fullmatch(
        r"3  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  account/ann@2  Deposited +amount=100  Deposit by teller-2", lines[2]
    )
    assert lines[3].endswith('TransferSent  to="bob" amount=30  Transfer by ann')
    assert lines[4].endswith("amount=30  Deposit by reaction:credit")


def test_programs_get_a_json_object_a_line(bank: Desk) -> None:
    first, *_, last = bank.lines("log", "bank:app")
    assert datetime.fromisoformat(first.pop("at")).tzinfo == UTC
    assert first == {
        "position": 1,
        "id": "account/ann@1",
        "type": "Opened",
        "streams": {"account/ann": 1},
        "data": {"owner": "Ann"},
        "meta": {"command_id": "c1", "command": "Open", "actor": "teller-1"},
    }
    assert last["meta"]["causation_id"] == "account/ann@3"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), ALL),
        (("--stream", "account/ann"), ["account/ann@1", "account/ann@2", "account/ann@3"]),
        (("--stream", "account"), ALL),
        (("--stream", "account/"), ALL),
        (("--stream", "accoun"), []),
        (("--stream", "account/nobody"), []),
        (("--type", "Opened"), ["account/ann@1", "account/bob@1"]),
        (("--type", "Opened", "--type", "TransferSent"), ["account/ann@1", "account/bob@1", "account/ann@3"]),
        (("--type", "Nothing"), []),
        (("--since", "4"), ["account/ann@3", "account/bob@2"]),
        (("--since", "0"), ALL),
        (("--since", "6"), []),
        (("--since", "4", "--stream", "account/ann"), ["account/ann@3"]),
        (("--since", "1h"), ALL),
        (("--since", "9999999d"), ALL),
        (("--since", "2020-01-01"), ALL),
        (("--since", "2020-01-01T00:00Z"), ALL),
        (("--since", "2999-01-01T00:00+02:00"), []),
        (("--limit", "2"), ALL[:2]),
        (("--last", "2"), ALL[-2:]),
        (("--last", "4", "--limit", "1"), ALL[1:2]),
        (("--last", "1", "--stream", "account/bob"), ["account/bob@2"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_events_are_chosen(bank: Desk, args: tuple[str, ...], expected: list[str]) -> None:
    assert ids(bank, *args) == expected


def test_since_a_time_starts_with_what_was_recorded_then(bank: Desk) -> None:
    at = bank.lines("log", "bank:app", "--stream", "account/ann")[1]["at"]
    assert ids(bank, "--since", at, "--stream", "account/ann") == ["account/ann@2", "account/ann@3"]


def test_a_log_of_many_pages_is_shown_whole(desk: Desk) -> None:
    with desk.session() as (session, account):
        accounts = session.category(account)
        for _ in range(4):
            accounts.transact("big", lambda state: [account.Deposited(1) for _ in range(300)])
    assert [event["position"] for event in desk.lines("log", "bank:app")] == list(range(1, 1201))
    assert len(ids(desk, "--stream", "account/big")) == 1200


def test_an_event_that_no_class_reads_any_more_is_shown(bank: Desk) -> None:
    bank.write(("Deposited", "PaidIn"))
    assert bank.ok("log", "bank:app", "--type", "Deposited").count("amount=") == 2


def test_nothing_to_show_is_said_aside(bank: Desk) -> None:
    result = bank.run("log", "bank:app", "--type", "Nothing")
    assert (result.stdout, result.stderr) == ("", "No event matches.\n")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--since", "yesterday"), 2),
        (("--since", "99999999999999999999"), 2),
        (("--limit", "0"), 2),
        (("--last", "x"), 2),
        (("--stream", "acc ount"), 3),
        (("--stream", "account/\x00"), 3),
        (("--colour",), 2),
    ],
    ids=lambda value: repr(value),
)
def test_a_wrong_option_is_said(bank: Desk, args: tuple[str, ...], code: int) -> None:
    assert bank.error("log", "bank:app", *args, code=code)


def test_stored_text_cant_steer_a_terminal(desk: Desk) -> None:
    with desk.session() as (session, account):
        session.category(account).handle("ann", account.Open("\x1b[31mred\x07\u2028[bold]"), command_id="c1")
    told = desk.ok("log", "bank:app")
    assert "\x1b" not in told
    assert '"\\u001b[31mred\\u0007\\u2028[bold]"' in told
    assert json.loads(desk.ok("log", "bank:app", "--json"))["data"]["owner"] == "\x1b[31mred\x07\u2028[bold]"
