"""Every sample event, broken at every place: a wrong shape is one record set aside, and the others go on."""

import json
from base64 import b64decode
from typing import Any

import pytest

from leftfold.adapters.memory import Memory
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError
from leftfold.lambdas import commands, queries
from leftfold.lambdas.batches import receive
from leftfold.lambdas.container import Container
from leftfold.lambdas.shapes import DYNAMODB, EVENTBRIDGE, KINESIS, SQS, Trigger, kind_of
from leftfold.testing.sample import bank
from tests.lambdas.conftest import Shelf, Told
from tests.lambdas.malformed import HUGE, broken, deep, junk, poisoned
from tests.lambdas.samples import sample

BATCHES: dict[str, Trigger[Any]] = {"sqs": SQS, "sqs_fifo": SQS, "dynamodb_stream": DYNAMODB, "kinesis": KINESIS}


@pytest.mark.parametrize("name", BATCHES)
def test_each_record_is_taken_or_set_aside_and_none_poisons_the_others(name: str, record_property: Any) -> None:
    trigger, event = BATCHES[name], sample(name)
    good = [trigger.parse(record) for index, record in enumerate(event["Records"]) if index != 1]
    aside = 0
    for what, bad in poisoned(event):
        shelf, told = Shelf(), Told()
        container = Container(bank, "test", {"store": "memory:", "aside": shelf, "write": told.write})
        taken: list[Any] = []
        with container.call(None) as call:
            delivery = receive(call, bad, trigger)
            delivery.each(taken.append)
            assert delivery.answer() == {"batchItemFailures": []}, what
        assert len(taken) + len(shelf.kept) == 3, what
        assert [one for one in taken if one in good] == good, what
        assert len(shelf.kept) == told.count("records_set_aside") == len(told.logs("set aside")), what
        assert HUGE not in "".join(told.lines), what
        aside += len(shelf.kept)
    assert aside > 40  # of the about 200 ways: the others break what nobody reads
    record_property("figure", f"{name}: {len(list(poisoned(event)))} broken batches, {aside} with a record set aside")


@pytest.mark.parametrize("name", ["sqs", "sqs_fifo"])
def test_a_queue_of_commands_takes_each_good_one(name: str) -> None:
    """The second of three messages is broken, in every way; the first and the third are handled."""
    for what, event in poisoned(sample(name)):
        shelf, memory = Shelf(), Memory().open("")
        answer = commands(bank, store=memory, aside=shelf, write=lambda line: None)(event, None)
        assert answer == {"batchItemFailures": []}, what
        with bank.open(memory) as session:
            events = [event.type for event in session.log()]
        assert len(events) + len(shelf.kept) == 3, what
        assert events[0] == "Opened", what
        assert events[-1] == "Deposited", what


@pytest.mark.parametrize("name", ["http_command", "function_url", "http_query"])
def test_every_web_request_is_answered_without_a_fault(name: str) -> None:
    told = Told()
    handlers = [factory(bank, store="memory:", write=told.write) for factory in (commands, queries)]
    for what, event in broken(sample(name)):
        for handler in handlers:
            answer = handler(event, None)
            json.dumps(answer)
            if kind_of(event) == "http":
                assert answer["statusCode"] in (200, 400, 404, 405, 413, 415, 422), (what, answer)
                assert "Traceback" not in answer["body"], what
            else:
                assert answer["status"] == 422, (what, answer)
    assert told.count("faults") == 0
    assert HUGE not in "".join(told.lines)


@pytest.mark.parametrize(("factory", "name"), [(commands, "direct_command"), (queries, "direct_query")])
def test_every_direct_call_is_answered_without_a_fault(factory: Any, name: str) -> None:
    told = Told()
    handler = factory(bank, store="memory:", write=told.write)
    for what, event in broken(sample(name)):
        answer = handler(event, None)
        json.dumps(answer)
        assert answer["status"] in (200, 404, 413, 422), (what, answer)
    assert told.count("faults") == 0


@pytest.mark.parametrize("factory", [commands, queries])
def test_junk_is_refused_or_told_to_be_miswired(factory: Any) -> None:
    handler = factory(bank, store="memory:", write=lambda line: None)
    for what, event in junk():
        if kind_of(event) == "other":
            with pytest.raises(ConfigError, match="connect another handler"):
                handler(event, None)
        else:
            assert handler(event, None)["status"] == 422, what


@pytest.mark.parametrize("trigger", [SQS, DYNAMODB, KINESIS, EVENTBRIDGE])
def test_junk_for_a_batch_is_set_aside(trigger: Trigger[Any]) -> None:
    for what, event in junk():
        shelf, told = Shelf(), Told()
        container = Container(bank, "test", {"store": "memory:", "aside": shelf, "write": told.write})
        with container.call(None) as call:
            delivery = receive(call, event, trigger)
            assert delivery.entries == [], what
            assert delivery.answer() == {"batchItemFailures": []}, what
        assert (len(shelf.kept) > 0) == (what != "no records"), what


def test_what_is_too_deep_to_be_kept_comes_again() -> None:
    """Python may read what it can't write: then the service's own dead-letter queue is the place for it."""
    shelf, told = Shelf(), Told()
    container = Container(bank, "test", {"store": "memory:", "aside": shelf, "write": told.write})
    event = {"Records": [{"messageId": "m1", "body": deep(100_000)}]}
    with container.call(None) as call:
        assert receive(call, event, SQS).answer() == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert shelf.kept == {}


def test_the_generator_breaks_every_place() -> None:
    """A checker that a handler passes by luck is none: each field that is read is broken, and each break is told apart."""
    names = [what for what, _ in poisoned(sample("kinesis"))]
    assert len(names) == len(set(names)) > 150
    for field in ("sequenceNumber", "partitionKey", "data", "approximateArrivalTimestamp"):
        assert f"$.Records[1].kinesis.{field} is missing" in names
        assert f"$.Records[1].kinesis.{field} is null" in names
    assert all(event["Records"][0] == sample("kinesis")["Records"][0] for _, event in poisoned(sample("kinesis")))


def _trusting(event: Any) -> list[bytes]:
    """What a handler looks like that nobody tested so."""
    return [b64decode(record["kinesis"]["data"]) for record in event["Records"]]


def test_a_handler_that_trusts_its_records_is_caught() -> None:
    caught = []
    for what, event in poisoned(sample("kinesis")):
        said = attempt(_trusting, event)
        if isinstance(said, Failed) or len(said) < 3:
            caught.append(what)
    assert "$.Records[1].kinesis.data is missing" in caught
    assert "$.Records[1] is null" in caught
