"""Whole bills computed by hand: every line of five alternatives, on a workload of one command a second.

The arithmetic is on literals: prices as AWS lists them, rates as the pages of docs/explanation say them.
"""

from collections.abc import Callable
from math import exp
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.fit.costs import dynamodb, event_sourced, flow, parts, running, tabular
from leftfold.fit.costs.alternatives import BY_ID, bill
from leftfold.fit.costs.prices import built_in
from leftfold.fit.costs.workload import Workload
from tests.fit.by_hand import GIB, MILLION, SECONDS
from tests.fit.loads import SMALL, load

PRICES = built_in()
S, M = SECONDS, MILLION  # a month's seconds; DynamoDB, Lambda and others quote for a million
GB_S = 0.0000133334
KEPT = 0.15 * 90 / (730 / 24)  # of a month's logs: compressed, for 90 days

Lines = dict[tuple[str, str], float]
"""Dollars, by what for and the price's name."""


def function(what: str, calls: float, ms: float, logged: float = 750) -> Lines:
    """Calls a month in 512 MB, and 750 bytes of log each."""
    logged *= calls / GIB
    return {
        (what, "lambda.request"): calls * 0.20 / M,
        (what, "lambda.gb_s"): calls * ms / 1000 * 0.5 * GB_S,
        (f"logs of {what}", "cloudwatch.log_gb"): logged * 0.50,
        (f"logs of {what}", "cloudwatch.log_stored_gb"): logged * KEPT * 0.03,
    }


def way_in() -> Lines:
    """1 command and 4 queries a second."""
    api: Lines = {("commands", "api.http"): S * 1.00 / M, ("queries", "api.http"): 4 * S * 1.00 / M}
    return api | function("commands", S, 15) | function("queries", 4 * S, 10)


def table(what: str, size: float) -> Lines:
    """Bytes in a table, with point-in-time recovery."""
    return {
        (what, "dynamodb.storage_gb"): size / GIB * 0.25,
        (f"point-in-time recovery of {what}", "dynamodb.pitr_gb"): size / GIB * 0.20,
    }


def watched(alarms: int, metrics: int = 0) -> Lines:
    found = {("alarms", "cloudwatch.alarm"): alarms * 0.10, ("dashboard", "cloudwatch.dashboard"): 3.00}
    return found | ({("metrics of the functions", "cloudwatch.metric"): metrics * 0.30} if metrics else {})


def items() -> Lines:
    """An item of 800 bytes: read strongly, then written. Queries of 2,000 bytes are read eventually."""
    work: Lines = {
        ("items", "dynamodb.write"): S * 1 * 0.625 / M,
        ("items", "dynamodb.read"): S * 1 * 0.125 / M,
        ("queries", "dynamodb.read"): 4 * S * 0.5 * 0.125 / M,
    }
    return work | table("items", 1000 * (800 + 100))


def plain() -> Lines:
    return way_in() | items() | watched(2 * 3 + 1 * 2)


def outbox() -> Lines:
    """Item and entry (500 + 200 bytes) in one transaction, which doubles both. Three services are told of everything."""
    relays = 16 * (1 - exp(-1 / 16)) * S  # four shards, looked at four times a second
    ms = 27  # 25, and 1.5 for each event; about one a call, rounded up to whole ms
    doubled: Lines = {("items", "dynamodb.write"): S * 2 * 0.625 / M, ("entries", "dynamodb.write"): S * 2 * 0.625 / M}
    told: Lines = {("events for other services", "eventbridge.event"): S * 1.00 / M}
    entries = table("entries", 12 * S * (700 + 100))
    return way_in() | items() | doubled | entries | function("relay", relays, ms) | told | watched(3 * 3 + 2 * 2)


def event_source() -> Lines:
    """A commit: 500 + 160 + 100 bytes, one unit. In a year 31.5 million of them in 4 partitions; one view of 1,000 rows."""
    commit, kept = 760, 12 * S
    placings = 16 * (1 - exp(-1 / 16))  # calls a second of the sequencer, a page each
    follows = 4 * (1 - exp(-placings / 4))  # of the projector: one shard
    events, rows = 1 / placings, 1 / follows  # in a page; in a call
    page = (2 - events) * 760 + (events - 1) * (100 + 2 * 660 * 0.3)  # pages of one, and of two, which are compressed
    schedule = S / 300
    lost = placings * (
        1 - exp(-placings * 0.010)
    )  # of the pages those that another container, 10 ms long, was faster with
    # a stream has 31,536 commits; a snapshot each 100 has 4,000 ids of 14 bytes and 800 of state: 56,800
    # 8 of 10 commands read 62.5 commits of 760 bytes and that, 104,300 bytes: 25.46 units of 4 KB
    work: Lines = {
        ("commits", "dynamodb.write"): S * 1 * 0.625 / M,
        ("streams of cold commands", "dynamodb.read"): 0.8 * S * 26 * 0.125 / M,
        ("snapshots", "dynamodb.write"): S / 100 * (56 + 56) * 0.625 / M,  # one put, one deleted, of 55.5 KB
        ("the log", "dynamodb.write"): (placings + lost) * S * 1 * 0.625 / M,
        ("the log, where sequencers race", "dynamodb.read"): lost * S * 1.5 * 0.125 / M,
        ("the log", "dynamodb.read"): follows * S * 0.5 * 0.125 / M,
        ("rows of views", "dynamodb.write"): S * 1 * 0.625 / M,
        ("rows of views", "dynamodb.read"): S * 1 * 0.125 / M,
        ("checkpoints of views", "dynamodb.write"): follows * S * 3 * 0.625 / M,
        ("checkpoints of views", "dynamodb.read"): follows * S * 4 * 0.125 / M,
        ("queries", "dynamodb.read"): 4 * S * 4 * 0.125 / M,
        ("further reads of queries", "lambda.gb_s"): 4 * S * 0.015 * 0.5 * GB_S,
        # in 300 s some 290 pages: 53.9, so 54 steps of 4 KB
        ("the log, for the archive", "dynamodb.read"): schedule * 54 * 0.5 * 0.125 / M,
        ("rows of views", "dynamodb.storage_gb"): 1000 * (600 + 100) / GIB * 0.25,
    }
    stored = table("commits", kept * (commit + 100)) | table("the log", kept * placings * (page + 100))
    calls: Lines = (
        function("sequencer", placings * S + schedule, 11)
        | function("projector", follows * S + schedule, 27, 750 + 400)  # 25 + 0.1 an event + 1 a row
        | function("archiver", schedule, 25 + 30)
        | {("schedules", "scheduler.invocation"): 3 * schedule * 1.00 / M}
    )
    assert 10 < 10 + events * 0.1 < 11 < 26 < 25 + rows * 1.1 < 27
    return way_in() | work | stored | calls | archive() | watched(43 + 3, 6 * 5 + 5)


def archive() -> Lines:
    """A segment each 900 s, of 900 events of 660 bytes at 19 %: 112,860 bytes. No rule moves what is under 128 KB."""
    each, made = 112_860, S / 900
    return {
        ("segments of the archive, Standard", "s3.standard_gb"): made * 12 * each / GIB * 0.023,
        ("segments of the archive", "s3.put"): made * 0.005 / 1000,
        ("heads of the archive, and looks", "s3.put"): (made + S / 300) * 0.005 / 1000,
    }


def workflow() -> Lines:
    """A run of five steps for each command: eleven transitions."""
    transitions: Lines = {("transitions of runs", "states.transition"): S * 11 * 25.00 / M}
    return way_in() | items() | transitions | function("tasks", 5 * S, 15) | watched(4 * 3 + 2 * 2)


def stream() -> Lines:
    """1,000 readings a second of 100 bytes, put straight into Kinesis, 196 in a record of 25 KB."""
    records = 1000 / 196  # of 25,480 bytes: 25,600 // 130
    shards = 1  # 3 * 0.127 MB/s at 70 % of 1 MB/s
    files = max(1000 * 100 * 0.19 / (64 * 2**20), 1 / 900)  # a second: each quarter of an hour one
    each, made, standard = 1000 * 100 * 0.19 / files, files * S, 90 / (730 / 24)
    queries = {key: usd for key, usd in way_in().items() if "queries" in key[0]}
    kinesis: Lines = {
        ("readings", "kinesis.shard_h"): shards * 730 * 0.015,
        ("readings", "kinesis.put_unit"): records * S * 0.014 / M,
        ("files of readings, Standard", "s3.standard_gb"): made * standard * each / GIB * 0.023,
        ("files of readings, Standard-IA", "s3.ia_gb"): made * (12 - standard) * each / GIB * 0.0125,
        ("files of readings, moves", "s3.ia_request"): made * 0.01 / 1000,
        ("files of readings", "s3.put"): made * 0.005 / 1000,
    }
    return queries | kinesis | function("readings to S3", S, 25 + 40) | watched(2 * 3 + 1 * 2)


TOLD = replace(SMALL, downstream_consumers=3.0)
READINGS = replace(SMALL, observed_not_decided=True, commands_per_s=1000.0, event_bytes=100.0)
BILLS: dict[str, tuple[Workload, Callable[[], Lines]]] = {
    "plain": (load(), plain),
    "outbox": (load(TOLD), outbox),
    "event-source": (load(), event_source),
    "workflow": (load(), workflow),
    "stream": (load(READINGS), stream),
}


def billed(name: str) -> Lines:
    found: Lines = {}
    for line in bill(BY_ID[name], BILLS[name][0], PRICES, 12).lines:
        key = (line.what, line.price)
        assert key not in found
        found[key] = line.usd
    return found


@pytest.mark.parametrize("name", BILLS)
def test_a_bill_is_what_was_computed_by_hand(name: str) -> None:
    assert billed(name) == pytest.approx(BILLS[name][1](), rel=1e-6)


@pytest.mark.parametrize(("own", "units"), [({}, 6), ({"item_bytes": 900.0}, 1)])
def test_a_thing_is_as_large_as_an_event_about_it_unless_somebody_says_so(own: dict[str, float], units: int) -> None:
    large = load(replace(SMALL, event_bytes=6000.0), **own)
    (line,) = [one for one in bill(BY_ID["plain"], large, PRICES, 12).lines if one.price == "dynamodb.write"]
    assert line.quantity == S * units
    server = {
        line.price: line.quantity for line in bill(BY_ID["plain:rds"], replace(large, streams=1e9), PRICES, 12).lines
    }
    assert server["rds.gp3_gb"] == pytest.approx(1e9 * (own.get("item_bytes", 6000) + 100) / GIB)


@pytest.mark.parametrize(("kilobytes", "moved"), [(127, False), (128, True)])
def test_files_move_into_colder_classes_from_128_kilobytes_on(kilobytes: int, moved: bool) -> None:
    lines = parts.archived(kilobytes * 1024.0, 1.0, load(), 12, PRICES, "files")
    assert any("moves" in line.what for line in lines) is moved


@pytest.mark.parametrize(("month", "days"), [(13, 395.4 - 365), (14, 90), (15, 90)])
def test_files_that_go_early_are_billed_for_the_least_time_of_their_class(month: int, days: float) -> None:
    """Kept for 14 months, of which 60 days in Glacier Instant Retrieval, which bills 90; until then none has gone."""
    kept = load(replace(SMALL, retention_years=14 / 12))
    lines = {line.price: line for line in parts.archived(2.0**20, 1.0, kept, month, PRICES, "files")}
    assert lines["s3.instant_gb"].quantity == pytest.approx(S * days * 24 / 730 / 1024, rel=1e-3)
    assert lines["s3.ia_gb"].quantity == pytest.approx(S * 275 * 24 / 730 / 1024)


# what would be wrong


def no_doubling(item_bytes: float, *, transactional: bool = False) -> float:
    return 1.0


def nothing(*_args: Any, **_more: Any) -> Any:
    return iter(())


def call_each(items_s: float, shards: float, polls_s: float) -> float:
    return items_s


def for_ever(workload: Workload, month: int) -> float:
    return month * 12.0


def a_step_each(workload: Workload) -> float:
    return 6.0


def short_month(rate_s: float) -> float:
    return rate_s * 30 * 86_400


PLANTED: dict[str, tuple[str, object, str, Any]] = {
    "a transaction that isn't doubled": ("outbox", dynamodb, "write_units", no_doubling),
    "an outbox that tells nobody": ("outbox", tabular, "relayed", nothing),
    "no way in": ("plain", tabular, "way_in", nothing),
    "nothing kept": ("plain", tabular, "kept_items", nothing),
    "no archive": ("event-source", event_sourced, "archived", nothing),
    "a page an event": ("event-source", flow, "calls", call_each),
    "history for ever": ("event-source", flow, "months_kept", for_ever),
    "no watching": ("event-source", event_sourced, "watched", nothing),
    "a step a transition": ("workflow", running, "transitions", a_step_each),
    "functions for nothing": ("workflow", running, "tasks", nothing),
    "a month of 30 days": ("stream", parts, "a_month", short_month),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_shows_in_its_bill(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module, attribute, wrong = PLANTED[fault]
    monkeypatch.setattr(module, attribute, wrong)
    assert billed(name) != pytest.approx(BILLS[name][1](), rel=1e-6)
