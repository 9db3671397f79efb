"""Commands over HTTP: what each answer says, and that no answer says more."""

import json
from typing import Any

import pytest

from leftfold import App, Contention, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.lambdas import commands
from leftfold.requests.http import Http, Request
from leftfold.testing.sample import account, bank, school
from tests.lambdas.conftest import Desk, body_of, web
from tests.lambdas.samples import sample

SECRET = "s3cr3t-0f-ann"


def post(desk: Desk, path: str, body: object = None, **more: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    answer = desk.call(commands(desk.app, **desk.options()), web("POST", path, text, **more))
    return answer["statusCode"], body_of(answer), answer["headers"]


def test_a_command_is_answered_with_its_events_its_version_and_a_receipt(desk: Desk) -> None:
    status, body, headers = post(desk, "/commands/account/ann/Open", {"owner": "Ann"})
    assert (status, headers["content-type"]) == (200, "application/json")
    assert body["events"] == [{"type": "Opened", "data": {"owner": "Ann"}}]
    assert body["version"] == 1
    assert body["receipt"]
    assert body["repeated"] is False
    assert desk.events() == ["Opened"]


def test_the_same_idempotency_key_appends_once_and_answers_the_same(desk: Desk) -> None:
    first = post(desk, "/commands/account/ann/Open", {"owner": "Ann"}, idempotency_key="k1")
    again = post(desk, "/commands/account/ann/Open", {"owner": "Ann"}, idempotency_key='"k1"')
    assert again[1] == {**first[1], "repeated": True}
    assert desk.events() == ["Opened"]
    assert desk.told.count("commands_repeated") == 1
    assert desk.told.count("events_appended") == 1


def test_a_key_may_hold_slashes_and_percent_signs(desk: Desk) -> None:
    """An HTTP API hands the path over decoded: it is not decoded twice."""
    status, _, _ = post(desk, "/commands/account/a/b%41 ü/Open", {"owner": "Ann"})
    with desk.open() as session:
        assert (status, session.category(account).state("a/b%41 ü").is_open) == (200, True)


def test_a_function_urls_path_is_decoded(desk: Desk) -> None:
    handler, event = commands(bank, **desk.options()), sample("function_url")
    event["rawPath"] = "/commands/account/b%2541%2Fc/Open"
    event["body"], event["isBase64Encoded"] = '{"owner":"Ann"}', False
    assert desk.call(handler, event)["statusCode"] == 200
    with desk.open() as session:
        assert session.category(account).state("b%41/c").is_open


def test_a_named_stage_is_no_part_of_the_path(desk: Desk) -> None:
    event = web("POST", "/prod/commands/account/ann/Open", '{"owner":"Ann"}')
    event["requestContext"]["stage"] = "prod"
    assert desk.call(commands(bank, **desk.options()), event)["statusCode"] == 200


def test_a_stage_that_is_not_in_the_path_takes_nothing_from_it(desk: Desk) -> None:
    event = web("POST", "/commands/account/ann/Open", '{"owner":"Ann"}')
    event["requestContext"]["stage"] = "c"
    assert desk.call(commands(bank, **desk.options()), event)["statusCode"] == 200


def test_a_boundarys_command_needs_no_key(desk: Desk) -> None:
    desk.app = school
    assert post(desk, "/commands/enrolment/AddCourse", {"course": "c1", "seats": 1})[0] == 200
    assert post(desk, "/commands/enrolment/Enrol", {"course": "c1", "student": "s7"})[0] == 200
    status, body, _ = post(desk, "/commands/enrolment/Enrol", {"course": "c1", "student": "s8"})
    assert (status, body["kind"], body["detail"]) == (422, "refused", "the course is full")
    status, body, _ = post(desk, "/commands/enrolment/c1/Enrol", {"course": "c1", "student": "s8"})
    assert (status, body["field"]) == (422, "key")


def test_a_refusal_is_422_and_says_what_the_domain_said(desk: Desk) -> None:
    status, body, headers = post(desk, "/commands/account/ann/Deposit", {"amount": 5})
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert body == {
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "no such account",
        "kind": "refused",
        "error": "Refused",
    }
    assert desk.told.count("commands_refused") == 1
    assert desk.told.count("faults") == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [({"amount": "5"}, "amount"), ({}, "amount"), ([], None), ("7", None), ({"amount": None}, "amount")],
)
def test_what_is_not_of_the_commands_class_names_the_field(desk: Desk, body: object, field: str | None) -> None:
    status, said, _ = post(desk, "/commands/account/ann/Deposit", body)
    assert (status, said["kind"], said.get("field")) == (422, "rejected", field)


def test_a_field_deep_inside_is_named_by_its_path() -> None:
    from msgspec import Struct

    class Line(Struct, frozen=True):
        price: int

    class Order(Struct, frozen=True):
        lines: list[Line]

    class Orders:
        category = "order"
        initial = 0

        def decide(self, command: Order, state: int) -> list[Line]:
            return []

        def evolve(self, state: int, event: Line) -> int:
            return state

    app = App("shop", deciders=[Orders()])
    with app.open("memory:") as session:
        body = b'{"lines": [{"price": 1}, {"price": "2"}]}'
        answer = Http(app).answer(lambda _: session, Request("POST", "/commands/order/1/Order", body=body))
        assert (answer.status, json.loads(answer.body)["field"]) == (422, "lines[1].price")


@pytest.mark.parametrize("body", ['{"amount', "{'amount': 5}", "\x00", '{"amount": 5} {'])
def test_what_is_no_json_is_400(desk: Desk, body: str) -> None:
    assert post(desk, "/commands/account/ann/Deposit", body)[:1] == (400,)


def test_bytes_that_are_no_text_are_400(desk: Desk) -> None:
    event = web("POST", "/commands/account/ann/Open", "eyJvd25lciI6ICL//yJ9")  # {"owner": "\xff\xff"}
    answer = desk.call(commands(bank, **desk.options()), event | {"isBase64Encoded": True})
    assert answer["statusCode"] == 400


def test_another_content_type_is_415(desk: Desk) -> None:
    assert post(desk, "/commands/account/ann/Open", "owner=Ann", content_type="text/plain")[0] == 415
    assert post(desk, "/commands/account/ann/Open", {"owner": "Ann"}, content_type="application/ld+json; v=1")[0] == 200


def test_a_body_over_the_limit_is_413_with_the_limit(desk: Desk) -> None:
    status, said, _ = post(desk, "/commands/account/ann/Open", {"owner": "x" * 1024 * 1024})
    assert (status, said["limit"]) == (413, 1024 * 1024)


def test_an_event_over_the_limit_is_413_with_the_field(desk: Desk) -> None:
    status, said, _ = post(desk, "/commands/account/ann/Open", {"owner": "x" * 300 * 1024})
    assert (status, said["error"], said["limit"]) == (413, "TooLarge", 256 * 1024)


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("/commands/acount/ann/Deposit", "account"),
        ("/commands/account/ann/deposit", "Deposit"),
        ("/commands/account/ann/Depposit", "Deposit"),
        ("/comands/account/ann/Deposit", "/commands"),
        ("/commands/zzz/ann/Deposit", None),
        ("/", None),
        ("", None),
        ("//", None),
        ("/commands", None),
    ],
)
def test_an_unknown_name_is_404_with_the_nearest_known_one(desk: Desk, path: str, suggestion: str | None) -> None:
    status, said, _ = post(desk, path, {"amount": 5})
    assert (status, said["kind"], said.get("suggestion")) == (404, "unknown", suggestion)


def test_a_missing_key_is_told(desk: Desk) -> None:
    status, said, _ = post(desk, "/commands/account/Deposit", {"amount": 5})
    assert (status, said["field"]) == (422, "key")


def test_a_key_that_no_store_holds_is_422(desk: Desk) -> None:
    status, said, _ = post(desk, f"/commands/account/{'x' * 1025}/Deposit", {"amount": 5})
    assert (status, said["error"], said["field"], said["limit"]) == (422, "BadKey", "key", 1024)


def test_another_method_is_405_and_says_which(desk: Desk) -> None:
    answer = desk.call(commands(bank, **desk.options()), web("GET", "/commands/account/ann/Deposit"))
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


def test_a_version_that_does_not_hold_is_409(desk: Desk) -> None:
    post(desk, "/commands/account/ann/Open", {"owner": "Ann"})
    status, said, _ = post(desk, "/commands/account/ann/Deposit", {"amount": 5}, query="expected=7")
    assert (status, said["stream"], said["expected"], said["actual"]) == (409, "account/ann", 7, 1)
    assert desk.told.count("commands_conflicted") == 1
    assert post(desk, "/commands/account/ann/Deposit", {"amount": 5}, query="expected=1")[0] == 200
    assert post(desk, "/commands/account/bob/Open", {"owner": "Bob"}, query="expected=absent")[0] == 200
    assert post(desk, "/commands/account/bob/Open", {"owner": "Bob"}, query="expected=%C2%B2")[0] == 422
    assert post(desk, "/commands/account/bob/Open", {"owner": "Bob"}, query="expected=1&expected=2")[0] == 422


class Broken:
    """A decider whose bugs are the parameter."""

    category = "broken"
    initial = 0
    error: BaseException = Exception()

    def decide(self, command: int, state: int) -> list[int]:
        raise self.error

    def evolve(self, state: int, event: int) -> int:
        return state


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (StoreUnavailable(SECRET), 503, "unavailable"),
        (Contention("broken/1", 1, 2), 503, "unavailable"),
        (ValueError(SECRET), 500, "fault"),
        (Mute(), 500, "fault"),
        (RecursionError(SECRET), 500, "fault"),
    ],
)
def test_what_fails_inside_is_told_without_internals(error: Exception, status: int, kind: str, desk: Desk) -> None:
    class Planted(Broken):
        def decide(self, command: int, state: int) -> list[int]:
            raise error

    app = App("broken", deciders=[Planted()])
    desk.app = app
    code, said, headers = post(desk, "/commands/broken/1/int", "7")
    assert (code, said["kind"]) == (status, kind)
    assert ("retry-after" in headers) == (status == 503)
    assert SECRET not in json.dumps(said)
    assert SECRET not in "".join(desk.told.lines)
    if kind == "fault":
        [line] = desk.told.logs("a request failed")
        assert (line["error"], line["where"].partition(":")[0]) == (type(error).__name__, "test_http_commands.py")
        assert desk.told.count("faults") == 1


def test_a_refusal_that_can_not_speak_is_named(desk: Desk) -> None:
    class Planted(Broken):
        refusals = (Mute,)

        def decide(self, command: int, state: int) -> list[int]:
            raise Mute

    desk.app = App("broken", deciders=[Planted()])
    assert post(desk, "/commands/broken/1/int", "7")[1]["detail"] == "Mute"


def test_correlation_actor_and_trace_context_reach_the_events(desk: Desk) -> None:
    handler = commands(bank, actor=lambda request: request.claims.get("sub"), **desk.options())
    desk.call(handler, web("POST", "/commands/account/ann/Open", '{"owner":"Ann"}'))
    event = sample("http_command")
    assert desk.call(handler, event)["statusCode"] == 200
    with desk.open() as session:
        *_, last = session.category(account).events("ann")
    assert last.meta.command_id == event["headers"]["idempotency-key"]
    assert last.meta.correlation_id == "order-17"
    assert last.meta.traceparent == event["headers"]["traceparent"]
    assert last.meta.actor == "teller-3"


def test_a_bad_traceparent_is_dropped_and_counted_and_no_error(desk: Desk) -> None:
    assert post(desk, "/commands/account/ann/Open", {"owner": "Ann"}, traceparent="00-nonsense")[0] == 200
    with desk.open() as session:
        assert next(session.category(account).events("ann")).meta.traceparent is None
    assert desk.told.count("traces_dropped") == 1


def test_health_says_whether_the_store_answers(desk: Desk) -> None:
    handler = commands(bank, **desk.options())
    answer = desk.call(handler, web("GET", "/health"))
    assert (answer["statusCode"], body_of(answer)) == (200, {"app": "bank", "position": 0})
    nowhere = commands(bank, store="sqlite:/nowhere/at/all.db", write=desk.told.write)
    assert desk.call(nowhere, web("GET", "/health"))["statusCode"] == 503


def test_tenants_come_from_the_request_and_see_their_own(desk: Desk) -> None:
    options = desk.options() | {"tenant": lambda request: request.claims.get("custom:tenant")}
    handler = commands(bank, **options)
    event = sample("http_command")
    event["rawPath"], event["body"] = "/commands/account/ann/Open", '{"owner":"Ann"}'
    assert desk.call(handler, event)["statusCode"] == 200
    assert desk.events() == []
    with bank.open(desk.url, tenant="acme") as session:
        assert [event.type for event in session.log()] == ["Opened"]
    event["requestContext"]["authorizer"]["jwt"]["claims"].pop("custom:tenant")
    answer = desk.call(handler, event)
    assert (answer["statusCode"], body_of(answer)["field"]) == (422, "tenant")
    event["requestContext"]["authorizer"]["jwt"]["claims"]["custom:tenant"] = "../../etc"
    assert desk.call(handler, event)["statusCode"] == 422


def test_the_front_needs_no_lambda() -> None:
    """An ASGI server, a test: whoever has a request and a session."""
    memory = Memory()
    with bank.open(memory.open("")) as session:
        answer = Http(bank).answer(
            lambda _: session, Request("POST", "/commands/account/ann/Open", body=b'{"owner":"Ann"}')
        )
        assert answer.status == 200


def test_what_is_configured_wrongly_is_told_to_the_operator_and_not_to_the_caller(desk: Desk) -> None:
    handler = commands(bank, store="sqlight:bank.db", write=desk.told.write)
    answer = desk.call(handler, web("POST", "/commands/account/ann/Open", '{"owner":"Ann"}'))
    assert (answer["statusCode"], "sqlight" in answer["body"]) == (500, False)
    assert "use sqlite:PATH" in desk.told.logs("a request failed")[0]["reason"]
