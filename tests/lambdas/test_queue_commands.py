"""Commands from SQS and by direct call: what is final, what comes again, what is set aside."""

import json
from typing import Any

import pytest

from leftfold import App, Conflict, StoreUnavailable
from leftfold.core.events import Recorded
from leftfold.lambdas import commands
from leftfold.testing.sample import account, bank
from tests.lambdas.conftest import Context, Desk, deposit, message, opening
from tests.lambdas.samples import sample

NOTHING: dict[str, Any] = {"batchItemFailures": []}


def failures(answer: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def send(desk: Desk, *messages: dict[str, Any], context: object = None) -> Any:
    return desk.call(commands(desk.app, **desk.options()), {"Records": list(messages)}, context)


def recorded(desk: Desk, key: str = "ann") -> list[Recorded[Any]]:
    with desk.open() as session:
        return list(session.category(account).events(key))


def test_messages_are_handled_in_their_order(desk: Desk) -> None:
    assert desk.call(commands(bank, **desk.options()), sample("sqs")) == NOTHING
    assert desk.events() == ["Opened", "Deposited", "Deposited"]
    assert desk.told.count("records") == desk.told.count("commands") == desk.told.count("events_appended") == 3


def test_a_message_delivered_again_appends_nothing(desk: Desk) -> None:
    """Its own command id counts, or else the message's."""
    handler = commands(bank, **desk.options())
    for _ in range(3):
        assert desk.call(handler, sample("sqs")) == NOTHING
    assert desk.events() == ["Opened", "Deposited", "Deposited"]
    assert [event.meta.command_id for event in recorded(desk)] == [
        "open-ann",
        "059f36b4-87a3-44ab-83d2-661970000002",
        "059f36b4-87a3-44ab-83d2-661970000003",
    ]
    assert desk.told.count("commands_repeated") == 6


def test_what_a_message_says_beside_its_command_is_kept(desk: Desk) -> None:
    """The trace context stands in the body or, as senders' tools write it, in an attribute."""
    desk.call(commands(bank, **desk.options()), sample("sqs"))
    _, second, third = recorded(desk)
    assert (second.meta.actor, second.meta.correlation_id) == ("teller-3", "order-17")
    assert second.meta.traceparent == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert third.meta.traceparent is None


def test_a_refusal_is_final(desk: Desk) -> None:
    assert send(desk, message(1, deposit()), message(2, opening())) == NOTHING
    assert desk.events() == ["Opened"]
    assert desk.told.count("commands_refused") == 1
    [line] = desk.told.logs("refused")
    assert (line["level"], line["record_id"], line["command"]) == ("info", "m1", "Deposit")
    assert desk.shelf.kept == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ('{"category": "account"', "no JSON"),
        ("[]", "Expected `object`"),
        (opening() | {"category": "acount"}, "unknown"),
        (opening() | {"command": "Opn"}, "unknown"),
        (deposit(amount="five"), "rejected"),  # type: ignore[arg-type]
        (deposit(key="x" * 2000), "rejected: BadKey key"),
        (deposit(key=None), "rejected: Rejected key"),  # type: ignore[arg-type]
        (deposit(expected=7), "conflict"),
        (deposit(expected="sometimes"), "it does not fit"),
        (deposit(once="twice"), "it does not fit - at `$.once`"),
        (opening() | {"data": {"owner": "x" * 300_000}}, "rejected: TooLarge"),
    ],
)
def test_what_will_never_be_taken_is_set_aside_with_its_reason(desk: Desk, body: object, reason: str) -> None:
    answer = send(desk, message(1, opening("bob")), message(2, body), message(3, deposit("bob")))
    assert answer == NOTHING
    assert desk.events() == ["Opened", "Deposited"]
    [line] = desk.told.logs("set aside")
    assert (line["record_id"], line["kind"]) == ("m2", "sqs")
    assert reason in line["reason"]
    assert list(desk.shelf.kept) == [line["object"]] == ["commands/2026-01-12/m2.json"]
    [kept] = desk.shelf.bodies()
    assert json.loads(kept["text"]) == message(2, body)
    assert desk.told.count("records_set_aside") == 1
    assert desk.told.count("records_failed") == 0


def test_a_record_that_can_not_be_set_aside_now_comes_again(desk: Desk) -> None:
    desk.shelf.full = True
    answer = send(desk, message(1, opening()), message(2, "{"), message(3, deposit()))
    assert failures(answer) == ["m2"]
    assert desk.events() == ["Opened", "Deposited"]
    desk.shelf.full = False
    assert send(desk, message(2, "{")) == NOTHING
    assert len(desk.shelf.kept) == 1


def test_without_a_place_for_bad_records_they_come_again(desk: Desk) -> None:
    """Until the queue's own dead-letter queue has them: never lost."""
    options = desk.options() | {"aside": None}
    answer = desk.call(commands(bank, **options), {"Records": [message(1, opening()), message(2, "{")]})
    assert failures(answer) == ["m2"]


def test_a_bad_record_without_an_id_that_can_not_be_kept_brings_the_whole_batch_again(desk: Desk) -> None:
    desk.shelf.full = True
    with pytest.raises(StoreUnavailable, match="the whole batch"):
        send(desk, message(1, opening()), {"eventSource": "aws:sqs"})
    assert desk.told.count("faults") == 1


class Weather:
    """A decider that fails for some keys."""

    category = "account"
    initial = 0

    def decide(self, command: int, state: int) -> list[int]:
        if command == 7:
            raise ZeroDivisionError("s3cr3t")
        if command == 8:
            raise StoreUnavailable("s3cr3t")
        if command == 9:
            raise Conflict("account/ann", 1, 2)
        return [command]

    def evolve(self, state: int, event: int) -> int:
        return state + event


def number(number: int, key: str = "ann") -> dict[str, Any]:
    return {"category": "account", "key": key, "command": "int", "data": number}


def test_a_fault_and_an_unavailable_store_bring_their_message_again_and_no_other(desk: Desk) -> None:
    desk.app = App("weather", deciders=[Weather()])
    answer = send(desk, *(message(n, number(n)) for n in (1, 7, 2, 8, 9, 3)))
    assert failures(answer) == ["m7", "m8", "m9"]
    assert desk.events() == ["int", "int", "int"]
    assert [line["error"] for line in desk.told.logs("comes again")] == [
        "ZeroDivisionError",
        "StoreUnavailable",
        "Contention",
    ]
    assert "s3cr3t" not in "".join(desk.told.lines)
    assert desk.told.count("records_failed") == 3


def test_in_a_fifo_queue_what_is_behind_a_failure_in_its_group_waits(desk: Desk) -> None:
    desk.app = App("weather", deciders=[Weather()])
    batch = [(1, "a"), (7, "a"), (2, "a"), (3, "b"), (4, "a")]
    answer = send(desk, *(message(n, number(n, group), group=group) for n, group in batch))
    assert failures(answer) == ["m7", "m2", "m4"]
    assert len(desk.events()) == 2


def test_in_a_fifo_queue_a_bad_message_that_can_not_be_kept_holds_its_group(desk: Desk) -> None:
    desk.shelf.full = True
    answer = send(
        desk, message(1, "{", group="a"), message(2, opening(), group="a"), message(3, opening("b"), group="b")
    )
    assert failures(answer) == ["m1", "m2"]


def test_what_is_left_when_time_is_up_comes_again(desk: Desk) -> None:
    context = Context(10_000, 9_000, 5_000, 1_500)  # at the start, before the first, the second, the third
    answer = send(desk, message(1, opening()), message(2, deposit()), message(3, deposit()), context=context)
    assert failures(answer) == ["m3"]
    assert desk.events() == ["Opened", "Deposited"]
    assert desk.told.count("deadline_stops") == 1
    assert desk.told.logs("time is up")[0]["left"] == 1


def test_the_tenant_of_a_message_may_stand_in_its_attributes(desk: Desk) -> None:
    def tenant(message: Any) -> str | None:
        found: str | None = message.notes.get("tenant")
        return found

    named = message(1, opening()) | {"messageAttributes": {"tenant": {"stringValue": "acme", "dataType": "String"}}}
    answer = desk.call(
        commands(bank, **(desk.options() | {"tenant": tenant})), {"Records": [named, message(2, opening())]}
    )
    assert answer == NOTHING
    assert [line["record_id"] for line in desk.told.logs("set aside")] == ["m2"]
    with bank.open(desk.url, tenant="acme") as session:
        assert len(list(session.log())) == 1


def test_a_direct_call_is_answered_with_a_dict(desk: Desk) -> None:
    handler = commands(bank, **desk.options())
    said = desk.call(handler, opening())
    assert (said["status"], said["version"], said["events"]) == (200, 1, [{"type": "Opened", "data": {"owner": "Ann"}}])
    event = sample("direct_command")
    assert desk.call(handler, event)["status"] == 200
    assert desk.call(handler, event)["repeated"] is True
    last = recorded(desk)[-1].meta
    kept = ("command_id", "actor", "correlation_id", "causation_id", "traceparent")
    assert {name: getattr(last, name) for name in kept} == {name: event[name] for name in kept}


def test_a_direct_calls_refusal_is_an_answer(desk: Desk) -> None:
    said = desk.call(commands(bank, **desk.options()), deposit())
    assert (said["status"], said["kind"], said["detail"]) == (422, "refused", "no such account")
    assert desk.told.count("faults") == 0


def test_a_direct_call_raises_what_may_succeed_later(desk: Desk) -> None:
    """Step Functions and asynchronous calls retry errors, not answers."""
    desk.app = App("weather", deciders=[Weather()])
    handler = commands(desk.app, **desk.options())
    with pytest.raises(StoreUnavailable):
        handler(number(8), None)
    with pytest.raises(ZeroDivisionError):
        handler(number(7), None)
    assert desk.told.count("faults") == 2


@pytest.mark.parametrize("name", ["kinesis", "dynamodb_stream", "eventbridge", "schedule", "scheduler"])
def test_a_source_that_is_connected_to_the_wrong_handler_is_told_loudly(desk: Desk, name: str) -> None:
    with pytest.raises(Exception, match="connect another handler"):
        commands(bank, **desk.options())(sample(name), None)
    assert desk.told.count("faults") == 1


def test_many_messages_of_one_batch_are_counted_in_one_line(desk: Desk) -> None:
    send(desk, message(0, opening()), *(message(n, deposit()) for n in range(1, 10)))
    assert sum("_aws" in line for line in desk.told.lines) == 1
    assert desk.told.count("commands") == 10
