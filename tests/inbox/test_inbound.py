"""Events of other services become commands, once, by whatever way they come; what is wrong with one stays with it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.codec.aggregation import UserRecord, aggregate
from leftfold.core.errors import ConfigError, StoreUnavailable
from leftfold.lambdas import inbound
from leftfold.ports.backend import Backend
from tests.inbox.billing import accept, billing, invoice
from tests.inbox.sender import sent
from tests.lambdas.malformed import broken, junk, poisoned
from tests.lambdas.samples import sample

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Handler:
    """The handler on a store in memory, and what it did."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.memory: Backend = Memory().open()
        self.aside = folder / "aside"
        given: dict[str, Any] = {"store": self.memory, "aside": f"file:{self.aside}", **options}
        write: Callable[[str], None] = lambda line: self.lines.append(json.loads(line))  # noqa: E731
        self._handler = inbound(billing, accept=accept, write=write, **given)

    def __call__(self, event: Any) -> Any:
        return self._handler(event, None)

    @property
    def session(self) -> Session:
        return billing.open(self.memory)

    def due(self, key: str) -> int:
        return self.session.category(invoice).state(key)

    def counted(self, name: str) -> float:
        values: list[float] = [line.get(name, 0) for line in self.lines if "_aws" in line]
        return sum(values)

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.aside.rglob("*.json"))]


@pytest.fixture
def handler(tmp_path: Path) -> Handler:
    return Handler(tmp_path)


def deposited(version: int = 1, cents: Any = 5, **more: Any) -> bytes:
    data = {"account": "ann", "cents": cents}
    return sent("account/ann", version, type="deposited", data=data, **more)


def by_eventbridge(detail: bytes | dict[str, Any], **more: Any) -> dict[str, Any]:
    inner = json.loads(detail) if isinstance(detail, bytes) else detail
    return {**sample("eventbridge"), "detail": inner, "detail-type": inner.get("type", ""), **more}


def by_sqs(*bodies: object) -> dict[str, Any]:
    (record, *_) = sample("sqs")["Records"]
    texts = [one.decode() if isinstance(one, bytes) else json.dumps(one) for one in bodies]
    return {"Records": [{**record, "messageId": f"m-{n}", "body": text} for n, text in enumerate(texts)]}


def by_kinesis(*data: bytes) -> dict[str, Any]:
    (record, *_) = sample("kinesis")["Records"]
    inner = record["kinesis"]
    texts = [b64encode(one).decode() for one in data]
    return {
        "Records": [
            {**record, "kinesis": {**inner, "sequenceNumber": str(n), "data": text}}
            for n, text in enumerate(texts, 100)
        ]
    }


WAYS: dict[str, Callable[[bytes], Any]] = {
    "eventbridge": by_eventbridge,
    "eventbridge by sqs": lambda body: by_sqs(by_eventbridge(body)),
    "sqs": by_sqs,
    "kinesis": by_kinesis,
    "kinesis, aggregated": lambda body: by_kinesis(aggregate([UserRecord("account/ann", body)])),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_event_becomes_a_command_once(handler: Handler, way: str) -> None:
    event = WAYS[way](deposited())
    answer: Any = None if way == "eventbridge" else {"batchItemFailures": []}
    assert [handler(event) for _ in range(3)] == [answer] * 3
    assert handler.due("ann") == -5
    assert (handler.counted("inbound_taken"), handler.counted("inbound_repeated")) == (3, 2)


def test_the_same_event_by_two_ways_counts_once(handler: Handler) -> None:
    for way in WAYS.values():
        handler(way(deposited()))
    assert handler.due("ann") == -5


def test_correlation_causation_and_trace_are_carried(handler: Handler) -> None:
    handler(by_eventbridge(deposited(correlationid="order-17", causationid="account/ann@0", traceparent=TRACE)))
    (event,) = handler.session.log()
    meta = event.meta
    assert (meta.correlation_id, meta.traceparent) == ("order-17", TRACE)
    assert (meta.causation_id, meta.actor) == ("bank:account/ann@1", "inbound:bank")
    assert meta.command_id == "bank:account/ann@1:0"


def test_what_no_store_can_hold_is_left_out_of_the_notes(handler: Handler) -> None:
    handler(by_eventbridge(deposited(correlationid="x" * 1000, traceparent="00-none", source="bank/\x01" + "y" * 600)))
    (event,) = handler.session.log()
    assert event.meta.correlation_id == event.meta.causation_id != ""
    assert (event.meta.traceparent, event.meta.actor) == (None, None)
    assert handler.counted("traces_dropped") == 1


def test_an_event_of_no_leftfold_sender_is_known_by_its_own_id(handler: Handler) -> None:
    event = by_eventbridge(
        {"number": "i-9", "cents": 700}, source="com.shop", id="e-1", **{"detail-type": "Order Placed"}
    )
    handler(event)
    handler(event)
    handler({**event, "id": "e-2"})
    handler({**event, "id": "e-3", "detail": {"number": "i-9", "cents": 0}})
    assert handler.due("i-9") == 1400
    assert [recorded.meta.command_id for recorded in handler.session.log()] == ["com.shop:e-1:0", "com.shop:e-2:0"]


def test_a_colon_in_a_source_makes_no_two_events_one(handler: Handler) -> None:
    for source, name in (("urn:shop", "1:2"), ("urn", "shop:1:2"), ("urn%3Ashop", "1:2")):
        event = json.loads(deposited(source=source)) | {"id": name}
        handler(by_eventbridge(event))
        handler(by_eventbridge(event))
    assert handler.due("ann") == -15
    first, *_ = handler.session.log()
    assert first.meta.command_id == "urn%3Ashop:1:2:0"


def test_a_time_that_no_clock_tells_holds_nothing_up(handler: Handler) -> None:
    for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        refused = json.loads(deposited(cents=0)) | {"time": time, "id": time}
        assert handler(by_sqs(refused)) == {"batchItemFailures": []}
    assert [one.get("at") for one in handler.kept()] == [None, None]


def test_a_type_means_something_for_its_sender_alone(handler: Handler) -> None:
    event = by_eventbridge({"number": "i-9", "cents": 7}, source="org.other", **{"detail-type": "Order Placed"})
    handler(event)
    assert (handler.due("i-9"), handler.counted("inbound_ignored")) == (0, 1)
    assert handler.kept() == []


def test_unknown_types_are_set_aside_where_that_is_wanted(tmp_path: Path) -> None:
    handler = Handler(tmp_path, unknown="aside")
    handler(by_eventbridge(sent("account/ann", 1, type="closed")))
    (kept,) = handler.kept()
    assert kept["reason"] == "unknown type 'closed' of 'bank'"


def test_a_refusal_is_final_told_and_kept(handler: Handler) -> None:
    assert handler(by_sqs(deposited(cents=0), deposited(2))) == {"batchItemFailures": []}
    assert handler.due("ann") == -5
    assert handler.counted("commands_refused") == 1
    (line,) = [line for line in handler.lines if line.get("what") == "a command was refused"]
    assert (line["record_id"], line["command"], line["command_id"]) == ("account/ann@1", "Pay", "bank:account/ann@1:0")
    (kept,) = handler.kept()
    assert kept["reason"] == "refused: Pay: Refused: nothing to pay"
    assert json.loads(kept["text"])["data"] == {"account": "ann", "cents": 0}


@pytest.mark.parametrize("cents", ["five", 13], ids=["a wrong shape", "a fault in decide"])
def test_what_fails_is_set_aside_and_never_comes_again(handler: Handler, cents: Any) -> None:
    assert handler(by_eventbridge(deposited(cents=cents))) is None
    assert handler(by_sqs(deposited(cents=cents), deposited(2))) == {"batchItemFailures": []}
    assert handler.due("ann") == -5
    assert len(handler.kept()) == 2  # the event, and the message around it


def test_the_rest_of_an_aggregated_record_is_taken(handler: Handler) -> None:
    packed = [UserRecord("account/ann", body) for body in (deposited(1), b"{", deposited(2))]
    assert handler(by_kinesis(aggregate(packed))) == {"batchItemFailures": []}
    assert (handler.due("ann"), len(handler.kept())) == (-10, 1)


def test_only_a_store_that_is_away_has_an_event_come_again(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("gone")

    store = type(handler.memory.store)
    with monkeypatch.context() as patched:
        patched.setattr(store, "append", away)
        with pytest.raises(StoreUnavailable):
            handler(by_eventbridge(deposited()))
        failed = handler(by_sqs(deposited(), sent("account/ann", 1, type="closed"), deposited(2)))
        assert failed == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-2"}]}
        failed = handler(by_kinesis(sent("account/ann", 1, type="closed"), deposited(), deposited(2)))
        assert failed == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert handler.kept() == []
    handler(by_eventbridge(deposited()))
    assert handler.due("ann") == -5


def test_what_cannot_be_set_aside_comes_again(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(Folder, "create", full)
    with pytest.raises(StoreUnavailable):
        handler(by_eventbridge(deposited(cents="five")))
    assert handler(by_sqs(deposited(cents="five"))) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert handler(by_sqs(deposited(cents=0))) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def test_large_data_is_fetched_and_checked(tmp_path: Path) -> None:
    data = msgspec.json.encode({"account": "ann", "cents": 5})
    digest = hashlib.sha256(data).hexdigest()
    objects = Folder(tmp_path / "claims")
    objects.put(f"claims/{digest}.json", data)
    objects.put(f"claims/{'0' * 64}.json", data)
    handler = Handler(tmp_path, claims=f"file:{tmp_path / 'claims'}")
    for version, name in enumerate((digest, "0" * 64, "f" * 64), 1):
        body = json.loads(deposited(version)) | {"dataref": f"s3://bank/claims/{name}.json"}
        handler(by_eventbridge({field: value for field, value in body.items() if field != "data"}, id=name))
    assert (handler.due("ann"), len(handler.kept())) == (-5, 2)


def test_a_tenant_is_found_from_the_event(tmp_path: Path) -> None:
    handler = Handler(
        tmp_path, store=f"sqlite:{tmp_path / 'billing.db'}", tenant=lambda event: event.source.partition("/")[2]
    )
    handler(by_eventbridge(deposited(source="bank/acme")))
    handler(by_eventbridge(deposited(source="bank")))
    with billing.open(f"sqlite:{tmp_path / 'billing.db'}", tenant="acme") as session:
        assert session.category(invoice).state("ann") == -5
    assert len(handler.kept()) == 1


@pytest.mark.parametrize("name", ["http_command", "dynamodb_stream"])
def test_a_handler_on_the_wrong_source_says_so(handler: Handler, name: str) -> None:
    with pytest.raises(ConfigError, match="connect another handler"):
        handler(sample(name))


@pytest.mark.parametrize("make", [by_sqs, by_kinesis])
def test_a_wrong_shape_is_one_record_and_never_a_poisoned_batch(handler: Handler, make: Callable[..., Any]) -> None:
    for tried, (what, event) in enumerate(poisoned(make(b"first", b"second", b"third"))):
        whole = make(deposited(tried + 1), deposited(500 + tried), deposited(1000 + tried))
        before = handler.due("ann")
        event["Records"] = [whole["Records"][0], event["Records"][1], whole["Records"][2]]
        handler(event)
        assert handler.due("ann") == before - 10, what
    assert handler.counted("records_set_aside") > 100


def test_of_each_broken_event_it_is_said_what_became_of_it(handler: Handler) -> None:
    fates = ("inbound_taken", "inbound_ignored", "records_set_aside")
    told = 0.0
    for tried, (what, event) in enumerate(broken(by_eventbridge(deposited()))):
        handler(event)
        told += 1
        assert sum(handler.counted(fate) for fate in fates) == told, (tried, what)
    assert all(handler.counted(fate) > 3 for fate in fates)


def test_junk_is_set_aside_or_refused_aloud(handler: Handler) -> None:
    refused = 0
    for _, event in junk():
        try:
            handler(event)
        except ConfigError as error:
            refused += "connect another handler" in str(error)
    assert (refused, handler.due("ann")) == (4, 0)
    assert handler.counted("records_set_aside") > 10
