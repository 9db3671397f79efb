"""The Lambda handler of ingest: Kinesis records, aggregated or not, whole or broken, in time or not."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.codec.aggregation import UserRecord, aggregate
from leftfold.ingest import Ingest, Record, taking
from leftfold.lambdas import ingest
from leftfold.ports.backend import Backend
from tests.lambdas.conftest import Context, Shelf, Told
from tests.lambdas.malformed import junk, poisoned
from tests.lambdas.samples import NAMES, sample

NOTHING: Final[dict[str, Any]] = {"batchItemFailures": []}


class Sample(Struct, frozen=True):
    device: str
    celsius: float


class Measured(Struct, frozen=True):
    celsius: float


def belongs(sample: Sample) -> str:
    return f"reading/{sample.device}"


def measured(sample: Sample) -> Measured:
    return Measured(sample.celsius)


readings = Ingest("readings", decode=Sample, stream=belongs, to=measured)
things = App("things", ingest=[readings])


class Desk:
    """A handler in front of a memory store, what it told and what it set aside."""

    def __init__(self, app: App = things, **options: Any) -> None:
        self.memory, self.shelf, self.told = Memory(), Shelf(), Told()
        self._options = {"store": self.memory.open(), "aside": self.shelf, "write": self.told.write, **options}
        self.app, self.handler = app, ingest(app, **self._options)

    def call(self, event: object, context: object = None) -> Any:
        return json.loads(json.dumps(self.handler(event, context)))

    def again(self) -> None:
        """A new container."""
        self.handler = ingest(self.app, **self._options)

    def celsius(self, tenant: str = "") -> list[float]:
        with self.app.open(self.memory.open(tenant)) as session:
            return [event.data.celsius for event in session.log() if isinstance(event.data, Measured)]

    def ids(self) -> list[str | None]:
        with self.app.open(self.memory.open()) as session:
            return [event.meta.causation_id for event in session.log()]


def kinesis(*datas: bytes, first: int = 1, shard: int = 0) -> dict[str, Any]:
    """A delivery of these records' data."""
    event = sample("kinesis")
    model = event["Records"][0]
    event["Records"] = []
    for number, data in enumerate(datas, first):
        one = json.loads(json.dumps(model))
        one["kinesis"] |= {"sequenceNumber": str(number), "data": b64encode(data).decode()}
        one["eventID"] = f"shardId-{shard:012}:{number}"
        event["Records"].append(one)
    return event


def reading(celsius: float, device: str = "d1") -> bytes:
    return json.dumps({"device": device, "celsius": celsius}).encode()


def test_the_sample_of_aws_documentation_is_taken() -> None:
    desk = Desk()
    assert desk.call(sample("kinesis")) == NOTHING
    assert sorted(desk.celsius()) == [20.5, 21.5, 22.5]
    assert desk.ids()[0] == ("readings/shardId-000000000006:49590338271490256608559692538361571095921575989136588899.0")
    counted = {name: desk.told.count(name) for name in ("records", "readings", "commits", "events_appended")}
    assert counted == {"records": 3, "readings": 3, "commits": 2, "events_appended": 3}


def test_what_is_delivered_again_is_taken_once_by_the_same_container_and_by_another() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk.call(sample("kinesis")) == NOTHING
    desk.again()
    assert desk.call(sample("kinesis")) == NOTHING
    assert len(desk.celsius()) == 3
    assert desk.told.count("readings_repeated") == 6


def test_records_inside_of_one_are_taken_each_for_itself() -> None:
    desk = Desk()
    packed = aggregate([UserRecord("d1", reading(n)) for n in range(5)])
    assert desk.call(kinesis(packed, reading(5))) == NOTHING
    assert desk.celsius() == [0, 1, 2, 3, 4, 5]
    assert [one.rpartition(":")[2] for one in desk.ids() if one] == ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0"]


def test_a_damaged_aggregate_is_one_malformed_record() -> None:
    desk = Desk()
    packed = aggregate([UserRecord("d1", reading(n)) for n in range(5)])
    assert desk.call(kinesis(packed[:-1] + b"\x00", reading(5))) == NOTHING
    assert desk.celsius() == [5]
    (kept,) = desk.shelf.bodies()
    assert kept["base64"] == b64encode(packed[:-1] + b"\x00").decode()


def test_a_bad_reading_inside_an_aggregate_is_set_aside_alone() -> None:
    desk = Desk()
    packed = aggregate([UserRecord("d1", data) for data in (reading(1), b"{", reading(2))])
    assert desk.call(kinesis(packed)) == NOTHING
    assert desk.celsius() == [1, 2]
    (kept,) = desk.shelf.bodies()
    assert kept["id"].endswith(":1.1")
    (line,) = desk.told.logs("set aside")
    assert (line["record_id"], line["kind"]) == (kept["id"], "malformed")
    assert "text" not in line  # a payload is never told


@pytest.mark.parametrize("part", range(4))
def test_whatever_is_wrong_with_a_record_the_others_are_taken(part: int) -> None:
    """Each place in it broken in each way: the batch is answered, the good ones are in, the bad one is kept or in."""
    bad = [*poisoned(sample("kinesis"))][part::4]
    assert len(bad) > 20
    for what, event in bad:
        desk = Desk()
        answered = desk.call(event)
        assert answered == NOTHING, what
        assert {20.5, 22.5} <= set(desk.celsius()), what
        assert len(desk.celsius()) + len(desk.shelf.kept) == 3, what


def test_what_is_no_delivery_of_kinesis_is_refused() -> None:
    desk = Desk()
    for name in NAMES:
        if name != "kinesis":
            with pytest.raises(ConfigError, match="connect another handler"):
                desk.call(sample(name))
    for what, event in junk():
        with pytest.raises(ConfigError, match="connect another handler"):
            desk.call(event)
        assert what


def test_a_store_that_is_away_has_all_of_it_delivered_again() -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            def away(*given: object, **more: object) -> None:
                raise StoreUnavailable("away")

            return away

    import msgspec

    backend: Backend = msgspec.structs.replace(Memory().open(), store=Away())
    desk = Desk(store=backend)
    assert desk.call(kinesis(reading(1), reading(2))) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert desk.told.logs("come again")[0]["reason"] == "away"


def test_a_shelf_that_is_full_has_the_bad_record_delivered_again() -> None:
    desk = Desk()
    desk.shelf.full = True
    assert desk.call(kinesis(reading(1), b"{", reading(2))) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert desk.celsius() == [1, 2]  # taken already, and known when they come again
    desk.shelf.full = False
    assert desk.call(kinesis(b"{", reading(2), first=2)) == NOTHING
    assert desk.celsius() == [1, 2]
    assert len(desk.shelf.kept) == 1


def test_when_time_is_up_the_rest_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "BATCH_RECORDS", 2)
    desk = Desk()
    event = kinesis(*(reading(n) for n in range(1, 8)))
    answered = desk.call(event, Context(60_000, 60_000, 60_000, 500))
    assert answered == {"batchItemFailures": [{"itemIdentifier": "5"}]}
    assert desk.celsius() == [1, 2, 3, 4]
    assert desk.told.count("deadline_stops") == 1


def test_a_failure_inside_an_aggregate_has_the_whole_of_it_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "BATCH_RECORDS", 2)
    desk = Desk()
    packed = aggregate([UserRecord("d1", reading(n)) for n in range(5)])
    event = kinesis(reading(9), packed)
    assert desk.call(event, Context(60_000, 60_000, 60_000, 500)) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert desk.celsius() == [9, 0, 1, 2]
    assert desk.call({"Records": event["Records"][1:]}) == NOTHING
    assert desk.celsius() == [9, 0, 1, 2, 3, 4]


def test_a_record_without_its_shard_has_no_identity_and_is_set_aside() -> None:
    desk = Desk()
    event = kinesis(reading(1), reading(2))
    del event["Records"][0]["eventID"]
    assert desk.call(event) == NOTHING
    assert desk.celsius() == [2]
    assert [kept["reason"] for kept in desk.shelf.bodies()] == ["its eventID names no shard"]


def test_each_record_goes_to_its_tenant(tmp_path: Path) -> None:
    def tenant(record: Record) -> str:
        return {"d1": "acme", "d2": "zeta", "d3": "No Tenant"}[json.loads(record.data)["device"]]

    desk = Desk(store=f"sqlite:{tmp_path / 'things.db'}", tenant=tenant)
    packed = aggregate([UserRecord("g", reading(n, f"d{1 + n % 2}")) for n in range(6)])
    answered = desk.call(kinesis(packed, reading(7, "d3"), reading(8, "d4"), reading(9, "d1")))
    assert answered == NOTHING
    found: dict[str, Sequence[float]] = {}
    for name in ("acme", "zeta"):
        with things.open(f"sqlite:{tmp_path / 'things.db'}", tenant=name) as session:
            found[name] = [event.data.celsius for event in session.log()]  # type: ignore[attr-defined]
    assert found == {"acme": [0, 2, 4, 9], "zeta": [1, 3, 5]}
    assert sorted(kept["reason"].partition("'")[0] for kept in desk.shelf.bodies()) == [
        "its tenant: KeyError: ",
        "its tenant: tenant ",
    ]


def test_a_record_whose_tenant_cant_be_told_now_comes_again_and_all_behind_it(tmp_path: Path) -> None:
    away = {"d2"}

    def tenant(record: Record) -> str:
        if json.loads(record.data)["device"] in away:
            raise StoreUnavailable("nobody knows now")
        return "acme"

    desk = Desk(store=f"sqlite:{tmp_path / 'things.db'}", tenant=tenant)
    event = kinesis(reading(1), reading(2, "d2"), reading(3))

    def celsius() -> list[float]:
        with things.open(f"sqlite:{tmp_path / 'things.db'}", tenant="acme") as session:
            return [event.data.celsius for event in session.log()]  # type: ignore[attr-defined]

    assert desk.call(event) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert (celsius(), desk.shelf.kept) == ([1], {})
    away.clear()
    assert desk.call({"Records": event["Records"][1:]}) == NOTHING
    assert sorted(celsius()) == [1, 2, 3]


def test_an_app_with_several_ingests_says_which() -> None:
    other = Ingest("others", decode=Sample, stream=belongs, to=measured)
    both = App("things", ingest=[readings, other])
    with pytest.raises(ConfigError, match="say which one"):
        ingest(both)
    with pytest.raises(ConfigError, match="has 0 ingests"):
        ingest(App("things"))
    with pytest.raises(ConfigError, match="is no ingest of app"):
        ingest(things, other)
    store = Memory().open()
    ingest(both, other, store=store, write=lambda line: None)(sample("kinesis"), None)
    with both.open(store) as session:
        assert {event.meta.actor for event in session.log()} == {"ingest:others"}


def test_without_a_place_for_bad_records_the_call_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEFTFOLD_ASIDE", raising=False)
    handler = ingest(things, store=Memory().open(), write=lambda line: None)
    assert handler(kinesis(reading(1)), None) == NOTHING
    with pytest.raises(ConfigError, match="give aside="):
        handler(kinesis(b"{", first=2), None)
