"""The sequencer on Lambda: what deliveries tell of is placed, once and in order, whatever the deliveries are like."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from leftfold import ConfigError
from leftfold.adapters.dynamodb import open_sequencers, sequencers
from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.deliveries import commit_of
from leftfold.lambdas import sequencer
from tests.dynamodb_reliability.ticking import app
from tests.lambdas_streams.bench import Bench
from tests.lambdas_streams.feeding import Context, Record, delivery, failed, record_id
from tests.testbed.aws import Aws
from tests.testbed.faults import THROTTLED, Faults

Figure = Callable[[str, object], None]

lambdas_sequencer = import_module("leftfold.lambdas.sequencer")  # the room hands out the function of that name


def test_what_is_delivered_is_placed(bench: Bench) -> None:
    names = bench.ticks(16)  # some leave markers of command ids in the table, too
    assert failed(bench.container()(delivery(bench.feed.new()), Context())) == []
    assert sum(bench.said.metric("events_placed")) == 16
    assert bench.judge(names) == 16


def test_a_warm_call_costs_one_write_and_reads_no_stream(bench: Bench, aws: Aws, record_property: Figure) -> None:
    handler = bench.container()
    bench.ticks(8)
    handler(delivery(bench.feed.new()), Context())
    bench.ticks(24, start=8)
    records, mark = bench.feed.new(), aws.calls.mark()
    assert failed(handler(delivery(records), Context())) == []
    calls = aws.calls.since(mark)
    assert dict(calls.count) == {"PutItem": 1}
    assert bench.end() == 32
    record_property("figure", f"sequencer, warm: {len(records)} records placed by 1 call, {calls.write_units:g} WCU")


def test_what_comes_again_costs_nothing(bench: Bench, aws: Aws) -> None:
    handler = bench.container()
    bench.ticks(8)
    records = bench.feed.new()
    handler(delivery(records), Context())
    mark = aws.calls.mark()
    assert failed(handler(delivery(reversed(records)), Context())) == []
    assert len(aws.calls.since(mark)) == 0
    assert bench.end() == 8


def test_what_no_delivery_told_of_is_found_when_the_stream_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = bench.container()
    names = bench.ticks(2, own="first")
    handler(delivery(bench.feed.new()), Context())
    names += bench.ticks(3, own="dropped") + bench.ticks(1, own="last")
    handler(delivery(bench.feed.new()[-1:]), Context())
    assert bench.end() == 3
    monkeypatch.setattr(lambdas_sequencer, "PULL_EVERY_S", 0.0)
    names += bench.ticks(1, own="later")
    handler(delivery(bench.feed.new()), Context())
    assert bench.judge(names) == 7


def test_a_call_without_records_catches_up(bench: Bench) -> None:
    names = bench.ticks(5)
    other = bench.ticks(3, tenant="acme")
    handler = bench.container()
    assert handler({"source": "aws.events", "detail-type": "Scheduled Event"}, Context()) == {
        "placed": {"": 5},
        "behind": [],
    }
    assert handler({"tenants": ["acme", "acme"]}, Context()) == {"placed": {"acme": 3}, "behind": []}
    assert (bench.judge(names), bench.judge(other, "acme")) == (5, 3)


def test_other_items_of_the_table_are_passed_over(bench: Bench) -> None:
    names = bench.ticks(1)
    records = bench.feed.new()
    snapshot = {**records[0], "dynamodb": {**records[0]["dynamodb"], "SequenceNumber": "7"}}
    snapshot["dynamodb"]["NewImage"] = {"p": {"S": "|count/own"}, "s": {"N": "1.5"}, "f": {"S": "x"}}
    removed = {**snapshot, "eventName": "REMOVE", "dynamodb": {**snapshot["dynamodb"]}}
    del removed["dynamodb"]["NewImage"]
    assert failed(bench.container()(delivery([snapshot, removed, *records]), Context())) == []
    assert bench.judge(names) == 1
    assert bench.said.metric("records_dropped") == []


def test_what_a_stranger_put_into_the_table_stops_no_tenant(bench: Bench, aws: Aws) -> None:
    strange = {"p": {"S": "zoo|a"}, "s": {"N": "1"}, "n": {"S": "a name"}}
    for number, item in enumerate([strange, strange | {"t": {"N": "1.5"}}, strange | {"p": {"S": "nobody"}}], 1):
        aws.client("dynamodb").put_item(TableName=f"{aws.prefix}test-events", Item=item | {"s": {"N": str(number)}})
    names = bench.ticks(2, tenant="acme")
    handler = bench.container()
    assert failed(handler(delivery(bench.feed.new()), Context())) == []  # which reads the stream, too
    assert handler({"tenants": ["acme"]}, Context())["behind"] == []
    assert bench.judge(names, "acme") == 2
    assert bench.said.metric("records_dropped") == [3]


def test_the_pages_that_sequencers_keep_have_a_bound(bench: Bench, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencers, "KEPT_EVENTS", 20)
    names = {f"t{number}": bench.ticks(6, tenant=f"t{number}") for number in range(6)}
    placings, most = open_sequencers("test", prefix=aws.prefix), 0
    for record in bench.feed.new():
        heard = commit_of(record["dynamodb"]["NewImage"])
        if heard is not None:
            placings.of(heard.tenant).take([heard.entry])
            most = max(most, sum(one.kept for one in placings._placings.values()))
    placings.close()
    assert 10 < most <= 20 + 1  # what is kept is looked at before a commit is placed
    assert [bench.judge(own, tenant) for tenant, own in names.items()] == [6] * 6


def malformed(record: Record) -> list[Record]:
    """The record, broken in several ways."""

    def with_image(**changes: Any) -> Record:
        image = {**record["dynamodb"]["NewImage"], **changes}
        return {**record, "dynamodb": {**record["dynamodb"], "NewImage": image}}

    return [
        with_image(p={"S": "nobody"}),
        with_image(p=None),
        with_image(n={"N": "many"}),
        with_image(b={"B": "???"}),
        with_image(b={"B": "AAAA"}),
        with_image(t=7),
        {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "12"}},
        {**record, "dynamodb": "none"},
    ]


def test_a_record_of_a_wrong_shape_is_set_aside_and_fails_no_batch(bench: Bench, tmp_path: Path) -> None:
    names = bench.ticks(2)
    first, second = bench.feed.new()
    bad = malformed(first)
    handler = bench.container(aside=f"file:{tmp_path}/aside")
    assert failed(handler(delivery([first, *bad, second]), Context())) == []
    assert bench.judge(names) == 2
    assert bench.said.metric("records_set_aside") == [len(bad)]
    assert len(bench.said.logged("a bad record was set aside")) == len(bad)


def test_when_the_time_is_up_the_first_record_that_has_no_place_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambdas_sequencer, "AT_ONCE", 4)
    handler = bench.container()
    names = bench.ticks(1, own="first")
    handler(delivery(bench.feed.new()), Context())
    names += bench.ticks(12)
    records = bench.feed.new()
    commits = [one for one in records if "n" in one["dynamodb"]["NewImage"]]
    answer = handler(delivery(records), Context(looks=3))  # one is the deadline's own
    assert failed(answer) == [record_id(commits[8])]
    assert bench.end() < 13
    assert bench.said.metric("unplaced")[-1] > 0
    again = records[records.index(commits[8]) :]
    assert failed(handler(delivery(again), Context())) == []
    assert bench.judge(names) == 13


def test_the_time_is_looked_at_before_each_tenant(bench: Bench) -> None:
    names = {tenant: bench.ticks(2, tenant=tenant) for tenant in ("t0", "t1", "t2")}
    records = bench.feed.new()
    answer = bench.container()(delivery(records), Context(looks=2))  # one is the deadline's own
    [left] = failed(answer)
    rest = records[[record_id(one) for one in records].index(left) :]
    assert rest[0]["dynamodb"]["NewImage"]["p"]["S"].startswith("t1|")
    assert [bench.end(tenant) for tenant in names] == [2, 0, 0]
    assert failed(bench.container()(delivery(rest), Context())) == []
    assert [bench.judge(own, tenant) for tenant, own in names.items()] == [2, 2, 2]


def test_when_the_store_fails_what_has_no_place_is_reported(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = bench.container()
    names = bench.ticks(1, own="first")
    handler(delivery(bench.feed.new()), Context())
    names += bench.ticks(4)
    others = bench.ticks(2, tenant="acme")
    records = bench.feed.new()
    monkeypatch.setitem(Calls.__init__.__kwdefaults__, "patience_s", 0.01)
    handler = bench.container()
    faults.outage(THROTTLED, on=("PutItem",), where=lambda call: call.parameters["TableName"].endswith("-log"))
    assert failed(handler(delivery(records), Context())) == [record_id(records[0])]
    assert len(bench.said.logged("commits were not placed")) == 1
    faults.calm()
    assert failed(handler(delivery(records), Context())) == []
    assert (bench.judge(names), bench.judge(others, "acme")) == (5, 2)


def test_the_tenants_of_a_container_read_the_stream_once_between_them(
    bench: Bench, aws: Aws, record_property: Figure
) -> None:
    def reads(tenants: int) -> int:
        names = {f"t{number}": bench.ticks(2, tenant=f"t{number}") for number in range(tenants)}
        records, handler, mark = bench.feed.new(), bench.container(), aws.calls.mark()
        assert failed(handler(delivery(records), Context())) == []
        calls = aws.calls.since(mark)
        for tenant in names:
            assert bench.end(tenant) >= 2
        return len(calls.of("GetRecords")) + len(calls.of("DescribeStream"))

    one, ten = reads(1), reads(10)
    record_property("figure", f"sequencer, cold: the stream read in {one} calls for 1 tenant, in {ten} for 10")
    assert ten <= one + 2  # what came meanwhile


def test_a_function_that_serves_one_tenant_leaves_the_others_alone(bench: Bench) -> None:
    bench.ticks(2)
    names = bench.ticks(2, tenant="acme")
    handler = bench.container(tenant="acme")
    assert failed(handler(delivery(bench.feed.new()), Context())) == []
    assert (bench.end(), bench.judge(names, "acme")) == (0, 2)


def test_a_store_that_places_by_itself_has_no_sequencer() -> None:
    with pytest.raises(ConfigError, match="only dynamodb:NAME"):
        sequencer(app, store="memory:", write=lambda line: None)({}, Context())
