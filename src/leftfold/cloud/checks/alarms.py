"""Alarms for every hop, on metrics that there are; a dashboard that CloudWatch can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from leftfold.cloud.alarms import alarms, of_handler, subscribers
from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.functions import namespace
from leftfold.cloud.grants import has_failures
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json
from leftfold.telemetry.metrics import METRICS

STACK: Final = "stateless"
OURS: Final = {metric.name for metric in METRICS}
FOLLOWING: Final = ("lag_ms", "frozen", "parked_lanes")
BY_KIND: Final = {
    "sequencer": ("unplaced", "pull_age", "logs_stuck", "shown_late"),
    "ingest": ("records_set_aside",),
    "inbound": ("records_set_aside",),
    "timers": ("timer_late_ms", "runs_stuck"),
    "commands": ("unavailable",),
    "queries": ("unavailable",),
}
TABLES: Final = ("ReadThrottleEvents", "WriteThrottleEvents")
MACHINES: Final = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")

Key = tuple[str, str, str]
"""Namespace, metric, and the dimensions as JSON."""


def check(graph: Graph, template: Json) -> Iterator[Finding]:
    found = dict(of_type(template, "AWS::CloudWatch::Alarm"))
    watched = {_key(one["Namespace"], one["MetricName"], one.get("Dimensions", [])) for one in found.values()}
    for wanted, what in _wanted(graph, template):
        if wanted not in watched:
            yield Finding(STACK, wanted[1], f"no alarm: {what}")
    for name, alarm in found.items():
        if alarm["Namespace"] == namespace(graph) and alarm["MetricName"] not in OURS:
            yield Finding(STACK, name, f"nobody tells a metric {alarm['MetricName']}")
        if not alarm.get("AlarmActions"):
            yield Finding(STACK, name, "nobody hears it: AlarmActions")
        if alarm.get("TreatMissingData") not in ("breaching", "notBreaching"):
            yield Finding(STACK, name, "says nothing of silence: TreatMissingData")
    yield from (Finding(STACK, "Dashboard", what) for what in _dashboard(graph, template))


def _wanted(graph: Graph, template: Json) -> Iterator[tuple[Key, str]]:
    ours = namespace(graph)
    for function in graph.functions:
        for metric in _of_lambda(graph, function):
            yield _lambda_key(graph, function, metric), f"{function.name}: {metric}"
        for metric in ("faults", *BY_KIND.get(function.kind, ())):
            yield _key(ours, metric, _pairs(of_handler(graph, function))), f"{function.name}: {metric}"
        for name in subscribers(graph, function):
            for metric in FOLLOWING:
                yield _key(ours, metric, _pairs(of_handler(graph, function, name))), f"{name}: {metric}"
        if has_failures(graph, function) or function.kind in ("inbound", "timers"):
            queue = [{"Name": "QueueName", "Value": graph.physical(function.name, "failures")}]
            yield _key("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue), f"{function.name}: what is given up"
        if function.kind == "ingest":
            mapping = [{"Name": "EventSourceMappingUUID", "Value": {"Ref": f"{function.id}FromRecords"}}]
            metric = "OnFailureDestinationDeliveredEventCount"
            yield _key("AWS/Lambda", metric, mapping), f"{function.name}: what is given up"
    for table in graph.tables.values():
        for metric in TABLES:
            yield _key("AWS/DynamoDB", metric, [{"Name": "TableName", "Value": table}]), f"{table}: {metric}"
    for name, _ in of_type(template, "AWS::StepFunctions::StateMachine"):
        for metric in MACHINES:
            machine = [{"Name": "StateMachineArn", "Value": {"Ref": name}}]
            yield _key("AWS/States", metric, machine), f"{name}: {metric}"


def _of_lambda(graph: Graph, function: Function) -> Iterator[str]:
    yield from ("Errors", "Throttles")
    if graph.woken(function, "stream") or function.kind == "ingest":
        yield "IteratorAge"
    if graph.woken(function, "schedule"):
        yield "Invocations"


def _lambda_key(graph: Graph, function: Function, metric: str) -> Key:
    return _key("AWS/Lambda", metric, [{"Name": "FunctionName", "Value": graph.physical(function.name)}])


def _pairs(dimensions: list[tuple[str, str]]) -> list[Json]:
    return [{"Name": name, "Value": value} for name, value in dimensions]


def _key(space: str, metric: str, dimensions: list[Json]) -> Key:
    return space, metric, json.dumps(sorted(dimensions, key=str), sort_keys=True)


def _dashboard(graph: Graph, template: Json) -> Iterator[str]:
    found = dict(of_type(template, "AWS::CloudWatch::Dashboard")).get("Dashboard", {})
    text = at(found, "DashboardBody", "Fn::Sub") or found.get("DashboardBody")
    try:
        widgets: list[Any] = json.loads(str(text))["widgets"]
    except (ValueError, KeyError, TypeError):
        yield "its body is no JSON with widgets: DashboardBody"
        return
    if not widgets:
        yield "shows nothing: DashboardBody"
    for widget in widgets:
        properties = widget.get("properties", {})
        if widget.get("type") == "metric" and not properties.get("region"):
            yield f"{properties.get('title')}: no region"
        for line in properties.get("metrics", ()):
            if line[0] == namespace(graph) and line[1] not in OURS:
                yield f"{properties.get('title')}: nobody tells a metric {line[1]}"
    if not any(widget.get("type") == "alarm" for widget in widgets) and any(alarms(graph)):
        yield "shows no alarms: DashboardBody"
