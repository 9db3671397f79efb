"""More whole bills computed by hand, line by line: relational, sealed, Express, other forms of a stream, and processes."""

from collections.abc import Callable
from math import exp

import pytest
from msgspec.structs import replace

from leftfold.fit.costs.alternatives import BY_ID, bill
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.fit.costs.prices import built_in
from leftfold.fit.costs.workload import Workload
from tests.fit.by_hand import GIB, MILLION, SECONDS
from tests.fit.loads import SMALL, load
from tests.fit.test_alternatives import READINGS, TOLD, Lines, function, items, table, watched, way_in

PRICES = built_in()
S, M = SECONDS, MILLION
LARGE = replace(SMALL, commands_per_s=1000.0, queries_per_s=4000.0, streams=1e8, read_models=3.0)


def rds() -> Lines:
    """1 / 500 + 4 / 2,000 processors, three times at the peak, 70 % full: the smallest machine, and 20 GB at the least."""
    server = "PostgreSQL in two zones"
    return (
        way_in()
        | watched(2 * 3 + 2)
        | {(f"{server}, db.t4g.micro", "rds.t4g.micro"): 730 * 0.032, (server, "rds.gp3_gb"): 20 * 0.23}
    )


def rds_outbox() -> Lines:
    """In a year 31.5 million entries of 500 + 200 + 100 bytes: 23.5 GB. One call a second takes them to the bus."""
    server = "PostgreSQL in two zones"
    stored = (1000 * (800 + 100) + 12 * S * 800) / GIB
    told: Lines = {
        ("events for other services", "eventbridge.event"): S * 1.00 / M,
        (server, "rds.gp3_gb"): stored * 0.23,
    }
    return rds() | told | function("relay", S, 27) | watched(3 * 3 + 2)  # 25 ms, and 1.5 for the second's event


def many_times(found: Lines, times: float) -> Lines:
    return {key: usd * times for key, usd in found.items()}


def aurora() -> Lines:
    """4 processors at 70 % are 22.9 units of capacity, but a tenth of 10**8 rows of 1,100 bytes in memory are 5.1: 23."""
    server = "PostgreSQL, serverless"
    stored = 1e8 * (800 + 100 * 3) / GIB
    assert stored * 0.1 / 2 < 22.5 < 4 / 0.7 * 4 < 23
    found: Lines = {
        (server, "aurora.acu_h"): 23 * 730 * 0.12,
        (server, "aurora.storage_gb"): stored * 0.10,
        (server, "aurora.io"): 1000 * S * 4 * 0.20 / M,
    }
    return many_times(way_in(), 1000) | found | watched(2 * 3 + 2)


def sealed() -> Lines:
    """A record of 500 + 200 bytes, and an index of it; sealed in files of a quarter of an hour, 119,700 bytes each."""
    seals = 16 * (1 - exp(-1 / 16)) * S
    files, kept = S / 900, 12 * S
    work: Lines = {
        ("records", "dynamodb.write"): S * 1 * 0.625 / M,
        ("indexes", "dynamodb.write"): S * 1 * 0.625 / M,
        ("queries", "dynamodb.read"): 4 * S * 0.5 * 0.125 / M,
        ("indexes", "dynamodb.storage_gb"): kept * 700 / GIB * 0.25,
        ("sealed records, Standard", "s3.standard_gb"): files * 12 * 900 * 700 * 0.19 / GIB * 0.023,
        ("sealed records", "s3.put"): files * 0.005 / 1000,
    }
    return (
        way_in() | work | table("records", kept * (700 + 100)) | function("sealer", seals, 26) | watched(4 * 3 + 2 * 2)
    )


def express() -> Lines:
    """Runs of 2 s in 64 MB: 1/16 GB by 2 s by 2.6 million, 91.25 GB-hours."""
    runs: Lines = {
        ("runs", "states.express_request"): S * 1.00 / M,
        ("runs", "states.express_gb_h"): S * 2 / 16 / 3600 * 0.06,
    }
    return way_in() | items() | runs | function("tasks", 5 * S, 15) | watched(4 * 3 + 2 * 2)


def readings() -> Lines:
    """What is alike in every form of a stream: queries, and files for as long as they are kept."""
    of_stream = ("readings", "readings to S3")
    whole = bill(BY_ID["stream"], load(READINGS), PRICES, 12).lines
    return {(one.what, one.price): one.usd for one in whole if one.what.removeprefix("logs of ") not in of_stream}


def on_demand() -> Lines:
    """1,000 readings a second, a kilobyte each as they are billed, once in and once out; a function takes them to S3."""
    size = 1000 * S * 1024 / GIB
    stream: Lines = {
        ("readings", "kinesis.on_demand.stream_h"): 730 * 0.04,
        ("readings", "kinesis.on_demand.gb_in"): size * 0.08,
        ("readings", "kinesis.on_demand.gb_out"): size * 0.04,
    }
    return readings() | stream | function("readings to S3", S, 65)


def by_firehose() -> Lines:
    """Each reading of 100 bytes counts 5 KB there."""
    stream: Lines = {
        ("readings", "kinesis.shard_h"): 1 * 730 * 0.015,
        ("readings", "kinesis.put_unit"): 1000 / 196 * S * 0.014 / M,
        ("readings to S3", "firehose.gb"): 1000 * S * 5 * 1024 / GIB * 0.029,
    }
    return readings() | stream


BILLS: dict[str, tuple[Workload, Callable[[], Lines]]] = {
    "plain:rds": (load(), rds),
    "outbox:rds": (load(TOLD), rds_outbox),
    "plain:aurora": (load(LARGE), aurora),
    "sealed-log": (load(replace(SMALL, read_models=2.0)), sealed),
    "workflow:express": (load(), express),
    "stream:on-demand": (load(READINGS), on_demand),
    "stream:firehose": (load(READINGS), by_firehose),
}


@pytest.mark.parametrize("name", BILLS)
def test_a_bill_is_what_was_computed_by_hand(name: str) -> None:
    found = {(line.what, line.price): line.usd for line in bill(BY_ID[name], BILLS[name][0], PRICES, 12).lines}
    assert found == pytest.approx(BILLS[name][1](), rel=1e-6)


def test_a_reactor_does_the_steps_of_its_runs() -> None:
    """24 commits a second in 4 runs; it is woken at most four times a second, for 25 ms and 15 a step."""
    workload = load(replace(SMALL, commands_per_s=4.0))
    lines = {
        (line.what, line.price): line.quantity for line in bill(BY_ID["workflow:native"], workload, PRICES, 1).lines
    }
    commits = 4 * (5 + 1)
    placings = 16 * (1 - exp(-commits / 16))
    follows = 4 * (1 - exp(-placings / 4))
    assert 103 < 25 + 4 * 5 / follows * 15 < 104
    assert lines["reactor", "lambda.request"] == pytest.approx(follows * S)
    assert lines["reactor", "lambda.gb_s"] == pytest.approx(follows * S * 0.5 * 0.104)
    assert lines["commits", "dynamodb.write"] == commits * S
    assert lines["logs of reactor", "cloudwatch.log_gb"] == pytest.approx(follows * S * (750 + 400) / GIB)
    assert not [what for what, _ in lines if "transitions" in what]


@pytest.mark.parametrize("month", [1, 12])
def test_the_core_is_event_sourced_and_the_rest_is_plain(month: int) -> None:
    """The sum of both on their shares; the way in and the fixed price of watching aside."""
    whole, named, share = (
        load(replace(SMALL, commands_per_s=10.0, streams=1e6)),
        "DynamoDB",
        BY_NAME["core_share"].value,
    )

    def tables(name: str, part: float) -> float:
        load = replace(whole.scaled(part), streams=1e6 * part)
        return bill(BY_ID[name], load, PRICES, month).by_service()[named]

    found = bill(BY_ID["core-only"], whole, PRICES, month).by_service()[named]
    assert found == pytest.approx(tables("event-source", share) + tables("plain", 1 - share))


def test_rows_that_an_event_touches_are_each_written_and_read() -> None:
    once, thrice = (bill(BY_ID["event-source"], load(touched_rows=rows), PRICES, 1).lines for rows in (1.0, 3.0))
    for price in ("dynamodb.write", "dynamodb.read"):
        one, three = (
            sum(line.quantity for line in lines if (line.what, line.price) == ("rows of views", price))
            for lines in (once, thrice)
        )
        assert one == S
        assert three == pytest.approx(3 * S)


@pytest.mark.parametrize(("commands_s", "count"), [(7466.0, 1), (7467.0, 2), (14_934.0, 3)])
def test_more_than_the_largest_server_takes_is_several_of_it(commands_s: float, count: int) -> None:
    """64 processors at 500 transactions each, 70 % full and three times at the peak, are 7,466 a second."""
    workload = load(replace(SMALL, commands_per_s=commands_s, queries_per_s=0.0))
    (line,) = [line for line in bill(BY_ID["plain:rds"], workload, PRICES, 1).lines if "16xlarge" in line.price]
    assert line.quantity == count * 730
    assert (f"{count} of" in line.what) is (count > 1)


def test_a_server_has_room_for_what_is_at_work() -> None:
    """A tenth of 10**8 rows of 900 bytes is 8.4 GB: more than the 8 GB that a db.m7g.large has."""
    workload = load(replace(SMALL, streams=1e8))
    (server, storage) = [line for line in bill(BY_ID["plain:rds"], workload, PRICES, 12).lines if line.service == "RDS"]
    assert server.price == "rds.m7g.xlarge"
    assert storage.quantity == pytest.approx(9e10 / GIB)


def test_an_outbox_that_nobody_reads_has_no_relay_and_its_alarms() -> None:
    lines = {line.price: line.quantity for line in bill(BY_ID["outbox"], load(), PRICES, 12).lines}
    assert lines["cloudwatch.alarm"] == 2 * 3 + 2 * 2


def test_a_busy_relay_hands_on_several_events_a_call() -> None:
    """100 events a second, 16 calls at most: 6.26 a call, 1.5 ms each, after 25 ms."""
    workload = load(replace(TOLD, commands_per_s=100.0))
    lines = {(line.what, line.price): line.quantity for line in bill(BY_ID["outbox"], workload, PRICES, 12).lines}
    calls = 16 * (1 - exp(-100 / 16)) * S
    assert lines["relay", "lambda.gb_s"] == pytest.approx(calls * 0.5 * 0.035)


def test_a_large_thing_is_read_strongly_by_four_kilobytes() -> None:
    lines = bill(BY_ID["plain"], load(item_bytes=9000.0), PRICES, 12).lines
    assert [line.quantity for line in lines if (line.what, line.price) == ("items", "dynamodb.read")] == [3 * S]


def test_a_function_takes_a_second_of_a_shard_at_a_time() -> None:
    """100,000 readings of 130 bytes, three times at the peak, at 70 % of a megabyte: 54 shards."""
    workload = load(replace(READINGS, commands_per_s=100_000.0))
    lines = {(line.what, line.price): line.quantity for line in bill(BY_ID["stream"], workload, PRICES, 1).lines}
    assert lines["readings", "kinesis.shard_h"] == 54 * 730
    assert 99 < 25 + 100_000 / 54 * 0.04 < 100
    assert lines["readings to S3", "lambda.gb_s"] == pytest.approx(54 * S * 0.5 * 0.100)


def test_an_entry_has_all_events_of_its_command() -> None:
    lines = bill(BY_ID["outbox"], load(replace(SMALL, events_per_command=3.0)), PRICES, 12).lines
    (entries,) = [line.quantity for line in lines if (line.what, line.price) == ("entries", "dynamodb.write")]
    assert entries == S * 2 * 2  # 3 * 500 + 200 bytes, in a transaction


def test_capacity_is_held_for_half_as_much_again_at_seventy_per_cent() -> None:
    """One write a second, and a strong read, and four halves for queries: 2.1 and 6.4 units, so three and seven."""
    lines = {line.price: line.quantity for line in bill(BY_ID["plain:provisioned"], load(), PRICES, 12).lines}
    assert (lines["dynamodb.wcu_h"], lines["dynamodb.rcu_h"]) == (3 * 730, 7 * 730)
