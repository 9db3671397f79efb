"""What is told: declared metrics, declared fields, and never a payload."""

import json
import re
from typing import Any

import pytest

from leftfold.lambdas import commands, queries
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import ALLOWED, FIELD_CHARS, MOST_VALUES, SILENT, Telemetry, where
from leftfold.telemetry.metrics import METRICS
from leftfold.telemetry.traces import traceparent
from leftfold.testing.sample import bank
from tests.lambdas.conftest import Desk, Told, deposit, message, opening, web
from tests.shape import PACKAGE, ROOT

CANARY = "c4n4ry-s3cr3t"


def test_every_metric_is_declared_once_with_a_unit_and_a_meaning() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names)) > 20
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]{2,40}", metric.name)
        assert metric.unit in ("Count", "Milliseconds", "Bytes")
        assert len(metric.meaning) > 10


def test_every_declared_metric_is_counted_somewhere() -> None:
    """A metric that nothing counts is an alarm that never rings."""
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "metrics.py")
    constants = [name for name, value in vars(metrics).items() if isinstance(value, metrics.Metric)]
    unused = [name for name in constants if not re.search(rf"\bmetrics\.{name}\b", source)]
    assert unused == []


def test_the_page_of_metrics_says_what_the_code_says() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.name}` | {one.unit} | {one.meaning} |" for one in METRICS]


def telemetry(told: Told) -> Telemetry:
    return Telemetry(told.write, lambda: 1_768_248_931.123, app="bank", handler="commands")


def test_a_line_of_metrics_is_in_the_embedded_format() -> None:
    told = Told()
    one = telemetry(told)
    one.count(metrics.COMMANDS)
    one.count(metrics.COMMANDS, 2)
    one.count(metrics.DURATION, 1.5)
    one.count(metrics.DURATION, 2.5)
    one.flush()
    assert [json.loads(line) for line in told.lines] == [
        {
            "_aws": {
                "Timestamp": 1_768_248_931_123,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "leftfold",
                        "Dimensions": [["app", "handler"]],
                        "Metrics": [
                            {"Name": "commands", "Unit": "Count"},
                            {"Name": "duration", "Unit": "Milliseconds"},
                        ],
                    }
                ],
            },
            "app": "bank",
            "handler": "commands",
            "commands": 3,
            "duration": [1.5, 2.5],
        }
    ]


def test_a_subscriber_is_a_dimension_of_its_own_line() -> None:
    told = Told()
    one = telemetry(told)
    one.count(metrics.LAG_EVENTS, 5, subscriber="view:balances")
    one.count(metrics.LAG_EVENTS, 7, subscriber="view:owners")
    one.flush()
    lines = [json.loads(line) for line in told.lines]
    assert [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines] == [
        [["app", "handler", "subscriber"]]
    ] * 2
    assert [(line["subscriber"], line["lag_events"]) for line in lines] == [("view:balances", 5), ("view:owners", 7)]


def test_more_values_than_the_format_holds_open_another_line() -> None:
    told = Told()
    one = telemetry(told)
    for number in range(MOST_VALUES * 2 + 1):
        one.count(metrics.DURATION, number)
    one.count(metrics.COMMANDS)
    one.flush()
    lines = [json.loads(line) for line in told.lines]
    durations = [line["duration"] for line in lines]
    assert [len(values) if isinstance(values, list) else 1 for values in durations] == [100, 100, 1]
    assert sum(line.get("commands", 0) for line in lines) == 1


def test_a_flush_without_counts_says_nothing_and_counts_start_again() -> None:
    told = Told()
    one = telemetry(told)
    one.flush()
    one.count(metrics.COMMANDS)
    one.flush()
    one.flush()
    assert len(told.lines) == 1


def test_silence_keeps_nothing() -> None:
    SILENT.count(metrics.COMMANDS)
    SILENT.log("error", "nobody hears", reason="x")
    SILENT.flush()
    assert SILENT._values == {}


def test_a_log_line_has_declared_fields_only_and_short_ones() -> None:
    told = Told()
    fields: dict[str, Any] = {"reason": "x" * 1000, "payload": CANARY, "data": {"owner": CANARY}, "position": 7}
    telemetry(told).log("warning", "something", **fields)
    [line] = map(json.loads, told.lines)
    assert set(line) == {"level", "what", "app", "handler", "reason", "position"}
    assert len(line["reason"]) == FIELD_CHARS
    assert "payload" not in ALLOWED


def test_a_level_keeps_quieter_lines_out() -> None:
    told = Told()
    one = Telemetry(told.write, level="warning")
    one.log("info", "quiet")
    one.log("error", "loud \ud800")
    assert [json.loads(line)["what"] for line in told.lines] == ["loud \\ud800"]


def test_an_error_is_told_by_its_place_and_no_word_of_it() -> None:
    with pytest.raises(ValueError, match=CANARY) as raised:
        raise ValueError(CANARY)
    assert re.fullmatch(r"test_telemetry\.py:\d+", where(raised.value))
    assert where(ValueError("never raised")) == ""


def test_no_payload_is_ever_told(desk: Desk) -> None:
    """Canaries in every place that a caller can write to; no line holds one."""
    command, query = commands(bank, **desk.options()), queries(bank, **desk.options())
    owner = json.dumps({"owner": CANARY})
    for event in [
        web("POST", "/commands/account/ann/Open", owner, authorization=CANARY, cookie=CANARY),
        web("POST", "/commands/account/ann/Open", owner),  # refused
        web("POST", "/commands/account/ann/Deposit", json.dumps({"amount": CANARY})),  # no number
        web("POST", "/commands/account/ann/Deposit", '{"amount": 7, "' + CANARY),  # no JSON
        web("POST", f"/commands/account/ann/{CANARY}", "{}"),
        web("GET", "/health", query=f"x={CANARY}"),
        {"Records": [message(1, opening("bob") | {"data": {"owner": CANARY}})]},
        {"Records": [message(2, CANARY), message(3, {**deposit(), "data": CANARY}), message(4, {"once": CANARY})]},
        {"Records": [message(5, deposit(expected=CANARY)), message(6, deposit(actor=["x", CANARY]))]},
        opening("eve") | {"data": {"owner": CANARY}},
        {"category": CANARY, "command": CANARY},
    ]:
        desk.call(command, event)
    for event in [
        web("GET", f"/views/balances/{CANARY}"),
        web("GET", f"/views/{CANARY}/ann"),
        web("GET", "/views/balances", query=f"cents={CANARY}"),
        {"view": "balances", "stale": CANARY},
        {"view": "balances", "key": CANARY},
    ]:
        desk.call(query, event)
    assert len(desk.told.lines) >= 16
    assert CANARY not in "".join(desk.told.lines)
    assert len(desk.shelf.kept) == 5
    assert CANARY in "".join(json.dumps(body) for body in desk.shelf.bodies())  # where the payload may be, it is


GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, GOOD),
        (f"  {GOOD} ", GOOD),
        (GOOD.replace("-01", "-00"), GOOD.replace("-01", "-00")),
        ("cc" + GOOD[2:] + "-what-comes-later", "cc" + GOOD[2:]),
        ("ff" + GOOD[2:], None),
        (GOOD + "-more", None),
        (GOOD.upper(), None),
        (GOOD[:-1], None),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", None),
        ("", None),
        (GOOD + "\n", GOOD),
        ("\u0661" * 55, None),
        ("x" * 10_000, None),
        (7, None),
        (None, None),
    ],
)
def test_a_traceparent_is_one_by_the_recommendation_or_none(text: object, expected: str | None) -> None:
    assert traceparent(text) == expected
