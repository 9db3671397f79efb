"""The dashboard: an event's way from the left to the right and from the top down, and every alarm."""

from __future__ import annotations

import json
from typing import Any, Final

from leftfold.cloud.alarms import alarms, name_of, of_handler, subscribers
from leftfold.cloud.functions import namespace
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json, sub
from leftfold.telemetry import metrics
from leftfold.telemetry.metrics import Metric

COLUMNS: Final = 24  # of CloudWatch's grid
WIDE: Final = 8
HIGH: Final = 6

Line = list[Any]
"""A metric as a widget says it: namespace, name, dimensions, options."""


def resources(graph: Graph) -> Json:
    return {
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": graph.name, "DashboardBody": sub(body(graph))},
        }
    }


def body(graph: Graph) -> str:
    """JSON, with CloudFormation's references to region and account in it."""
    widgets = [_alarms(graph)]
    charts = _charts(graph)
    for number, (title, lines) in enumerate(charts):
        row, column = divmod(number, COLUMNS // WIDE)
        widgets.append(_chart(title, lines, x=column * WIDE, y=HIGH + row * HIGH))
    return json.dumps({"widgets": widgets}, sort_keys=True)


def _alarms(graph: Graph) -> Json:
    place = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
    named = [f"{place}{name_of(graph, one)}" for one in alarms(graph)]
    properties: Json = {"title": f"{graph.name}: alarms", "alarms": named[:MOST_ALARMS]}
    return {"type": "alarm", "x": 0, "y": 0, "width": COLUMNS, "height": HIGH, "properties": properties}


MOST_ALARMS: Final = 100  # of one alarm widget (CloudWatch, dashboard body structure)


def _chart(title: str, lines: list[Line], *, x: int, y: int) -> Json:
    properties: Json = {
        "title": title,
        "metrics": lines,
        "region": "${AWS::Region}",
        "period": 60,
        "view": "timeSeries",
    }
    return {"type": "metric", "x": x, "y": y, "width": WIDE, "height": HIGH, "properties": properties}


def _charts(graph: Graph) -> list[tuple[str, list[Line]]]:
    found: list[tuple[str, list[Line]]] = []
    by_kind = {one.kind: one for one in graph.functions}
    for kind, title, told in CHARTS:
        if kind in by_kind:
            found.append((title, [_ours(graph, by_kind[kind], metric) for metric in told]))
    following = [(one, name) for one in graph.functions for name in subscribers(graph, one)]
    if following:
        found.append(("behind the log, ms", [_ours(graph, one, metrics.LAG_MS, name) for one, name in following]))
        found.append(("parked lanes", [_ours(graph, one, metrics.PARKED_LANES, name) for one, name in following]))
    named = [(one, graph.physical(one.name)) for one in graph.functions]
    for metric in ("Errors", "Throttles", "Duration"):
        how = {"stat": "p99" if metric == "Duration" else "Sum"}
        lines = [["AWS/Lambda", metric, "FunctionName", name, {"label": one.name, **how}] for one, name in named]
        found.append((f"functions: {metric.lower()}", lines))
    for metric in ("ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"):
        lines = [["AWS/DynamoDB", metric, "TableName", name, {"stat": "Sum"}] for name in graph.tables.values()]
        found.append((f"tables: {metric}", lines))
    return found


def _ours(graph: Graph, function: Function, metric: Metric, subscriber: str = "") -> Line:
    dimensions = [part for pair in of_handler(graph, function, subscriber) for part in pair]
    how = {"stat": "Sum" if metric.sums else "Maximum", "label": subscriber or metric.name}
    return [namespace(graph), metric.name, *dimensions, how]


CHARTS: Final[tuple[tuple[str, str, tuple[Metric, ...]], ...]] = (
    (
        "commands",
        "commands",
        (
            *(metrics.COMMANDS, metrics.COMMANDS_REFUSED, metrics.COMMANDS_REJECTED, metrics.COMMANDS_CONFLICTED),
            *(metrics.EVENTS_APPENDED, metrics.UNAVAILABLE, metrics.FAULTS),
        ),
    ),
    ("queries", "queries", (metrics.QUERIES, metrics.QUERIES_STALE, metrics.UNAVAILABLE, metrics.FAULTS)),
    ("sequencer", "events that got their place", (metrics.EVENTS_PLACED, metrics.SHOWN_LATE, metrics.LOGS_STUCK)),
    ("sequencer", "from commit to place, ms", (metrics.PLACING, metrics.UNPLACED, metrics.PULL_AGE)),
    (
        "ingest",
        "readings",
        (metrics.READINGS, metrics.READINGS_REPEATED, metrics.READINGS_LATE, metrics.RECORDS_SET_ASIDE),
    ),
    ("inbound", "events of others", (metrics.INBOUND_TAKEN, metrics.INBOUND_IGNORED, metrics.RECORDS_SET_ASIDE)),
    ("archiver", "archive", (metrics.EVENTS_ARCHIVED, metrics.SEGMENTS_SEALED)),
    ("timers", "timers and runs", (metrics.TIMERS_FIRED, metrics.RUNS_OPEN, metrics.RUNS_STUCK)),
    ("timers", "late timers, ms", (metrics.TIMER_LATE_MS,)),
)
"""Kind of function, title, what is drawn."""
