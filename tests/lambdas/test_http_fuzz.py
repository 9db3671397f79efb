"""Any request at all is answered: with a status that means something, in JSON, and never with a fault."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from leftfold.adapters.memory import Memory
from leftfold.requests.http import Http, Request
from leftfold.telemetry.lines import Telemetry
from leftfold.testing.sample import Deposit, Open, account, bank
from tests.lambdas.conftest import Told

MEANINGFUL = {200, 400, 404, 405, 409, 413, 415, 422, 503}
WORDS = st.sampled_from(
    [
        "commands",
        "views",
        "streams",
        "health",
        "account",
        "ann",
        "balances",
        "transfers",
        "Deposit",
        "Open",
        "",
        "%2F",
        "..",
    ]
)
PARTS = WORDS | st.text(max_size=8)
NAMES = st.sampled_from(
    ["after", "wait", "stale", "limit", "page", "cents", "cents.from", "cents.below", "direction", "expected"]
)
VALUES = st.sampled_from(["0", "1", "5", "-1", "1e400", "nan", "allow", "absent", "null", "[]", '"x"', "W10", "%ff"])
HEADERS = st.sampled_from(["idempotency-key", "traceparent", "content-type", "x-correlation-id"])
NUMBERS = st.integers() | st.floats() | st.none() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
BODIES = st.dictionaries(st.sampled_from(["amount", "owner", "to"]), NUMBERS).map(
    lambda body: json.dumps(body).encode()
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    pairs = draw(st.lists(st.tuples(NAMES | st.text(max_size=4), VALUES | st.text(max_size=4)), max_size=3))
    return Request(
        draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "", "\ud800"])),
        "/" + "/".join(draw(st.lists(PARTS, max_size=5))),
        "&".join(f"{name}={value}" for name, value in pairs),
        draw(st.dictionaries(HEADERS, VALUES | st.text(max_size=6), max_size=2)),
        draw(BODIES | st.binary(max_size=12)),
    )


@settings(max_examples=200, deadline=None)
@given(request=requests())
def test_any_request_is_answered(request: Request) -> None:
    told = Told()
    with bank.open(Memory().open("")) as session:
        session.category(account).handle("ann", Open("Ann"))
        session.category(account).handle("ann", Deposit(5))
        session.catch_up()
        http = Http(bank, telemetry=Telemetry(told.write))
        answer = http.answer(lambda _: session, request, left_s=0)
    said: dict[str, Any] = json.loads(answer.body)
    assert answer.status in MEANINGFUL, (said, told.lines)
    assert (answer.status == 200) == (answer.headers["content-type"] == "application/json")
    assert answer.status == 200 or said["status"] == answer.status
    assert told.logs("failed") == []
