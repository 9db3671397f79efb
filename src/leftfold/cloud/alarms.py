"""Alarms: one for everything on the way of an event that can stand still, fall behind, or drop something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from leftfold.adapters.alarms import DELAY_S
from leftfold.archive.writer import SEGMENT_EVENTS
from leftfold.cloud.functions import namespace
from leftfold.cloud.grants import has_failures, runs_machines
from leftfold.cloud.graph import Function, Graph, machines
from leftfold.cloud.state_machines import machine_id
from leftfold.cloud.template import Json, camel, check_distinct, ref, short
from leftfold.telemetry import metrics
from leftfold.telemetry.metrics import Metric

MINUTE_S: Final = 60
QUARTER_S: Final = 900
SILENT_S: Final = 900  # of a function that a schedule calls every five minutes
DAY_S: Final = 86_400  # the archiver's schedule is the user's to say
ALARM_CHARS: Final = 255  # of an alarm's name (CloudWatch quotas)
HANDLED_LATE_S: Final = 900  # of a message in a queue

Dimensions = Sequence[tuple[str, str | Json]]


class Alarm(Struct, frozen=True):
    """One alarm: when `statistic` of a metric is over `above` (or under it, of what must not be silent) for some periods."""

    id: str
    about: str
    namespace: str
    metric: str
    dimensions: Dimensions
    above: float
    statistic: Literal["Maximum", "Sum"] = "Sum"
    period_s: int = MINUTE_S
    periods: int = 1
    silence: bool = False


def resources(graph: Graph) -> Json:
    return {f"{one.id}Alarm": _resource(graph, one) for one in alarms(graph)}


def alarms(graph: Graph) -> Iterator[Alarm]:
    """All of them, function by function, then what they stand on."""
    check_distinct((camel(name), name) for function in graph.functions for name in subscribers(graph, function))
    for function in graph.functions:
        yield from _of_lambda(graph, function)
        yield from _of_handler(graph, function)
        for name in subscribers(graph, function):
            yield from _of_subscriber(graph, function, name)
    yield from _of_tables(graph)
    yield from _of_records(graph)
    if runs_machines(graph):
        for name in machines(graph.model):
            yield from _of_machine(name)
    if any(one.kind == "replayer" for one in graph.functions):
        yield from _of_machine("replay")


def subscribers(graph: Graph, function: Function) -> list[str]:
    """Who follows the log in this function, as its metrics name them."""
    model = graph.model
    match function.kind:
        case "projector":
            return [*dict.fromkeys(f"view {one['name']}" for one in model["views"])]
        case "reactor":
            found = [f"reaction:{one['name']}" for one in model["reactions"]]
            found += dict.fromkeys(f"process:{one['name']}" for one in model["processes"])
            return [*found, *dict.fromkeys(f"workflow:{one['name']}" for one in model["workflows"])]
        case "publisher":
            return [f"publish:{one['name']}" for one in model["destinations"]]
        case _:
            return []


def name_of(graph: Graph, alarm: Alarm) -> str:
    return short(f"{graph.name}-{alarm.id}", ALARM_CHARS)


def of_handler(graph: Graph, function: Function, subscriber: str = "") -> list[tuple[str, str]]:
    """The dimensions under which a handler of ours tells its metrics."""
    found = [("app", graph.app), ("handler", function.kind)]
    return [*found, ("subscriber", subscriber)] if subscriber else found


def _of_lambda(graph: Graph, function: Function) -> Iterator[Alarm]:
    """What the service itself sees."""
    me, name = function.id, function.name
    dimensions: Dimensions = [("FunctionName", graph.physical(name))]
    yield Alarm(f"{me}Errors", f"{name} failed", "AWS/Lambda", "Errors", dimensions, 0, periods=3)
    yield Alarm(f"{me}Throttles", f"{name} is throttled", "AWS/Lambda", "Throttles", dimensions, 0, periods=3)
    if graph.woken(function, "stream") or function.kind == "ingest":
        yield Alarm(
            f"{me}IteratorAge",
            f"{name} can't keep up, or is not called",
            "AWS/Lambda",
            "IteratorAge",
            dimensions,
            graph.settings.alarms.iterator_age_s * 1000,
            "Maximum",
            periods=5,
        )
    if graph.woken(function, "schedule"):
        yield Alarm(
            f"{me}Silent",
            f"{name} was not called, not even by its schedule",
            "AWS/Lambda",
            "Invocations",
            dimensions,
            1,
            period_s=SILENT_S if function.kind != "archiver" else DAY_S,
            silence=True,
        )
    if has_failures(graph, function) or function.kind in ("inbound", "timers"):
        queue: Dimensions = [("QueueName", graph.physical(name, "failures"))]
        about = f"something was given up on its way to {name}"
        metric = "ApproximateNumberOfMessagesVisible"
        yield Alarm(f"{me}GivenUp", about, "AWS/SQS", metric, queue, 0, "Maximum")
    if function.kind in ("inbound", "timers"):
        waits: Dimensions = [("QueueName", graph.physical(name))]
        about = f"a message waits long for {name}"
        late_s = HANDLED_LATE_S + (DELAY_S if function.kind == "timers" else 0)  # a ring may wait on purpose
        yield Alarm(f"{me}QueueAge", about, "AWS/SQS", "ApproximateAgeOfOldestMessage", waits, late_s, "Maximum")


def _ours(
    graph: Graph,
    function: Function,
    metric: Metric,
    above: float,
    about: str = "",
    *,
    periods: int = 1,
    period_s: int = MINUTE_S,
) -> Alarm:
    """Of a metric of ours. A sum is told as such, a distribution by its highest."""
    return Alarm(
        f"{function.id}{camel(metric.name)}",
        f"{function.name}: {about or metric.meaning}",
        namespace(graph),
        metric.name,
        of_handler(graph, function),
        above,
        "Sum" if metric.sums else "Maximum",
        period_s,
        periods,
    )


def _of_handler(graph: Graph, function: Function) -> Iterator[Alarm]:
    """What the handler itself tells."""
    limits = graph.settings.alarms
    yield _ours(graph, function, metrics.FAULTS, 0)
    match function.kind:
        case "commands" | "queries":
            yield _ours(graph, function, metrics.UNAVAILABLE, 0, periods=3)
        case "sequencer":
            yield _ours(graph, function, metrics.UNPLACED, limits.unplaced_s * 1000, periods=2)
            yield _ours(graph, function, metrics.PULL_AGE, limits.pull_age_s * 1000)
            yield _ours(graph, function, metrics.LOGS_STUCK, 0)
            yield _ours(graph, function, metrics.SHOWN_LATE, 0)
        case "ingest" | "inbound":
            yield _ours(graph, function, metrics.RECORDS_SET_ASIDE, 0)
        case "archiver":
            lag = _ours(
                graph, function, metrics.LAG_EVENTS, SEGMENT_EVENTS, "events wait to be sealed", period_s=QUARTER_S
            )
            yield replace(lag, dimensions=of_handler(graph, function, "archive"))
        case "timers":
            yield _ours(graph, function, metrics.TIMER_LATE_MS, limits.late_timers_s * 1000)
            yield _ours(graph, function, metrics.RUNS_STUCK, 0, period_s=QUARTER_S)
        case _:
            pass


def _of_subscriber(graph: Graph, function: Function, name: str) -> Iterator[Alarm]:
    watched = (
        (metrics.LAG_MS, graph.settings.alarms.lag_s * 1000, f"{name} is behind the log"),
        (metrics.FROZEN, 0, f"events wait, and {name} doesn't move"),
        (metrics.PARKED_LANES, 0, f"lanes of {name} wait for an operator: leftfold dead"),
    )
    for metric, above, about in watched:
        yield Alarm(
            f"{camel(name)}{camel(metric.name)}",
            about,
            namespace(graph),
            metric.name,
            of_handler(graph, function, name),
            above,
            "Maximum",
            periods=3 if metric is metrics.LAG_MS else 1,
        )


def _of_tables(graph: Graph) -> Iterator[Alarm]:
    for kind, table in graph.tables.items():
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            me = f"{kind.capitalize()}Table{metric}"
            about = f"table {table} is throttled"
            yield Alarm(me, about, "AWS/DynamoDB", metric, [("TableName", table)], 0, periods=3)


def _of_records(graph: Graph) -> Iterator[Alarm]:
    """Streams that carry more than wake-ups: what Lambda gave up is counted at the mapping."""
    for function in graph.functions:
        if function.kind == "ingest":
            mapping: Dimensions = [("EventSourceMappingUUID", ref(f"{function.id}FromRecords"))]
            for metric in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount"):
                about = f"readings on their way to {function.name} were given up"
                yield Alarm(f"{function.id}{metric}", about, "AWS/Lambda", metric, mapping, 0)


def _of_machine(name: str) -> Iterator[Alarm]:
    machine: Dimensions = [("StateMachineArn", ref(machine_id(name)))]
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled"):
        about = f"state machine {name}: {metric}"
        yield Alarm(f"{machine_id(name)}{metric}", about, "AWS/States", metric, machine, 0)


def _resource(graph: Graph, alarm: Alarm) -> Json:
    tell = [{"Fn::If": ["HasAlarmTopic", ref("AlarmTopic"), ref("AWS::NoValue")]}]
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name_of(graph, alarm),
            "AlarmDescription": f"{graph.app} ({graph.settings.env}): {alarm.about}",
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
            "Statistic": alarm.statistic,
            "Period": alarm.period_s,
            "EvaluationPeriods": alarm.periods,
            "DatapointsToAlarm": alarm.periods,
            "ComparisonOperator": "LessThanThreshold" if alarm.silence else "GreaterThanThreshold",
            "Threshold": alarm.above,
            "TreatMissingData": "breaching" if alarm.silence else "notBreaching",
            "AlarmActions": tell,
            "OKActions": tell,
        },
    }
