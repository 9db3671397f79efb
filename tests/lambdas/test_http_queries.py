"""Queries over HTTP and by direct call: rows, pages of rows, events, and how fresh they are."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from leftfold import App, SqlView, View
from leftfold.lambdas import commands, queries
from leftfold.testing.sample import Deposit, Deposited, Open, account, balances, bank
from tests.lambdas.conftest import Context, Desk, body_of, deposit, opening, web


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Seven accounts, with 0, 10, 20 ... cents; two with 30."""
    with desk.open() as session:
        for number, cents in enumerate([0, 10, 20, 30, 30, 40, 50]):
            session.category(account).handle(f"a{number}", Open(f"Owner {number}"))
            session.category(account).handle(f"a{number}", Deposit(cents))
        session.catch_up()
    return desk


def get(desk: Desk, path: str, context: object = None, **query: object) -> tuple[int, dict[str, Any]]:
    handler = queries(desk.app, **desk.options())
    answer = desk.call(handler, web("GET", path, query=urlencode(query)), context)
    return answer["statusCode"], body_of(answer)


def test_a_row_by_its_key(busy: Desk) -> None:
    said = {"key": "a3", "row": 30, "exists": True, "stale": False, "behind": 0, "blocked_by": None}
    assert get(busy, "/views/balances/a3") == (200, said)
    assert get(busy, "/views/balances/nobody")[1]["exists"] is False


def test_a_receipt_is_waited_for_until_the_view_has_seen_it(desk: Desk) -> None:
    receipt = body_of(
        desk.call(commands(bank, **desk.options()), web("POST", "/commands/account/ann/Open", '{"owner":"Ann"}'))
    )["receipt"]
    status, said = get(desk, "/views/balances/ann", after=receipt, wait=0.01)
    assert (status, said["kind"], said["behind"]) == (503, "stale", 1)
    assert desk.told.count("queries_stale") == 1
    status, said = get(desk, "/views/balances/ann", after=receipt, stale="allow")
    assert (status, said["stale"], said["behind"]) == (200, True, 1)
    with desk.open() as session:
        session.catch_up()
    assert get(desk, "/views/balances/ann", after=receipt)[1]["stale"] is False


def test_a_wait_ends_before_the_deadline(desk: Desk) -> None:
    """With nothing left, a wait of 20 seconds is one look: else this test would be that slow."""
    outcome = desk.call(commands(bank, **desk.options()), opening())
    assert get(desk, "/views/balances/ann", Context(1000, 100, 0), after=outcome["receipt"], wait=20)[0] == 503


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/views/balances/ann", {"after": "not a receipt"}, "receipt"),
        ("/views/balances/ann", {"wait": "soon"}, "wait"),
        ("/views/balances/ann", {"wait": "nan"}, "wait"),
        ("/views/balances/ann", {"wait": "-1"}, "wait"),
        ("/views/balances/ann", {"wait": "21"}, "wait"),
        ("/views/balances/ann", {"stale": "yes"}, "stale"),
        ("/views/balances/", {}, "key"),
        ("/views/balances", {"limit": "0"}, "limit"),
        ("/views/balances", {"limit": "1001"}, "limit"),
        ("/views/balances", {"limit": "many"}, "limit"),
        ("/views/balances", {"page": "%%"}, "page"),
        ("/views/balances", {"page": "e30"}, "page"),
        ("/views/balances", {"cents.over": "7"}, "cents.over"),
        ("/streams/account/ann", {"after": "-1"}, "after"),
        ("/streams/account/ann", {"after": str(10**17)}, "after"),
    ],
)
def test_bad_input_is_422_and_names_the_field(desk: Desk, path: str, query: dict[str, str], field: str) -> None:
    status, said = get(desk, path, **query)
    assert (status, said["kind"], said.get("field")) == (422, "rejected", field)


@pytest.mark.parametrize(
    ("path", "query", "suggestion"),
    [
        ("/views/balance/ann", {}, "balances"),
        ("/views/turnover", {}, None),
        ("/views/balances", {"cent": "7"}, "cents"),
        ("/streams/acount/ann", {}, "account"),
        ("/commands/account/ann/Deposit", {}, None),
    ],
)
def test_an_unknown_name_is_404(desk: Desk, path: str, query: dict[str, str], suggestion: str | None) -> None:
    status, said = get(desk, path, **query)
    assert (status, said.get("suggestion")) == (404, suggestion)


def keys(said: dict[str, Any]) -> list[str]:
    return [row["key"] for row in said["rows"]]


def test_rows_by_an_index_or_a_range_of_it(busy: Desk) -> None:
    assert keys(get(busy, "/views/balances", cents=30)[1]) == ["a3", "a4"]
    assert keys(get(busy, "/views/balances", **{"cents.from": 20, "cents.below": 40})[1]) == ["a2", "a3", "a4"]
    assert keys(get(busy, "/views/balances", **{"cents.below": 10})[1]) == ["a0"]
    assert keys(get(busy, "/views/balances", **{"cents.from": 40})[1]) == ["a5", "a6"]
    assert keys(get(busy, "/views/balances", cents='"30"')[1]) == []  # text, and these are numbers


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("query", [{}, {"cents": 30}, {"cents.from": 0}, {"cents.from": 10, "cents.below": 50}])
def test_pages_hold_each_row_once_in_order(busy: Desk, limit: int, query: dict[str, int]) -> None:
    whole = get(busy, "/views/balances", **query)[1]
    assert whole["next"] is None
    found, page = [], None
    for _ in range(9):
        said = get(busy, "/views/balances", limit=limit, **query, **({"page": page} if page else {}))[1]
        assert len(said["rows"]) <= limit
        found += said["rows"]
        page = said["next"]
        if page is None:
            break
    assert found == whole["rows"]


def test_a_page_is_no_larger_than_a_lambda_can_answer(desk: Desk) -> None:
    """Even where the runtime escapes each character: `"\\u0436"` is six bytes for two."""
    words = View("words", initial="", evolve=_word)
    desk.app = App("bank", deciders=[account], views=[words])
    with desk.open() as session:
        for number in range(30):
            session.category(account).handle(f"a{number:02}", Open("x"))
            session.category(account).handle(f"a{number:02}", Deposit(number + 1))
        session.catch_up()
    handler, found, page = queries(desk.app, **desk.options()), list[str](), ""
    while page is not None:
        answer = handler(web("GET", "/views/words", query=f"page={page}"), None)
        assert len(json.dumps(answer)) < 6_291_456
        found += keys(body_of(answer))
        page = body_of(answer)["next"]
    assert found == [f"a{number:02}" for number in range(30)]


def _word(row: str, event: Deposited) -> str:
    return "\u0436" * 100_000


def test_events_of_a_stream_in_pages(busy: Desk) -> None:
    said = get(busy, "/streams/account/a3", limit=1)[1]
    assert [event["id"] for event in said["events"]] == ["account/a3@1"]
    rest = get(busy, "/streams/account/a3", after=said["next"])[1]
    assert rest["next"] is None
    [event] = rest["events"]
    assert (event["id"], event["type"], event["data"], event["version"]) == (
        "account/a3@2",
        "Deposited",
        {"amount": 30},
        2,
    )
    assert get(busy, "/streams/account/nobody")[1] == {"events": [], "next": None}


def test_a_sql_view_is_not_served(desk: Desk) -> None:
    def turn(sql: Any, event: Deposited) -> None:
        sql.execute("INSERT INTO {turnover} VALUES (?)", (event.amount,))

    desk.app = App(
        "bank",
        deciders=[account],
        views=[balances, SqlView("turnover", schema="CREATE TABLE {turnover} (cents INTEGER)", apply=turn)],
    )
    assert get(desk, "/views/turnover")[0] == 404


def test_direct_calls_ask_the_same(busy: Desk) -> None:
    handler = queries(bank, **busy.options())
    assert busy.call(handler, {"view": "balances", "key": "a3"})["row"] == 30
    assert keys(busy.call(handler, {"view": "balances", "find": {"cents": 30}})) == ["a3", "a4"]
    assert keys(busy.call(handler, {"view": "balances", "find": {"cents": [40, None]}})) == ["a5", "a6"]
    assert [one["version"] for one in busy.call(handler, {"stream": "account/a3"})["events"]] == [1, 2]
    assert busy.call(handler, {"view": "balanecs", "key": "a3"})["suggestion"] == "balances"
    assert busy.call(handler, {"view": "balances", "key": 7})["status"] == 422
    assert busy.call(handler, {})["status"] == 422
    assert busy.call(handler, deposit())["status"] == 422
    assert busy.told.count("queries") == 8
