"""Event source mappings: bounded everywhere, nothing given up unheard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json

STACK: Final = "stateless"
MOST_RETRIES: Final = 10_000  # of a mapping (Lambda API reference)
MOST_AGE_S: Final = 6 * 3600  # what is older than that helps nobody, and its shard waits for it


def check(graph: Graph, template: Json) -> Iterator[Finding]:
    found = dict(of_type(template, "AWS::Lambda::EventSourceMapping"))
    for function in graph.functions:
        sources = graph.woken(function, "stream") + graph.woken(function, "records") + graph.woken(function, "queue")
        ours = [one for one in found.values() if at(one, "FunctionName", "Ref") == f"{function.id}Function"]
        if len(ours) < len(sources):
            yield Finding(STACK, f"{function.id}Function", f"is not woken by all of {', '.join(sources)}")
    for name, mapping in found.items():
        yield from (Finding(STACK, name, what) for what in _faults(mapping))


def _faults(mapping: Json) -> Iterator[str]:
    if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
        yield "a record that isn't done would count as done: FunctionResponseTypes"
    if mapping.get("Enabled") is not True:
        yield "is not enabled"
    if not mapping.get("BatchSize"):
        yield "no BatchSize"
    if "ScalingConfig" in mapping or _is_queue(mapping):
        if not at(mapping, "ScalingConfig", "MaximumConcurrency"):
            yield "a queue may take all of the account's concurrency: ScalingConfig"
        return
    if mapping.get("StartingPosition") != "TRIM_HORIZON":
        yield "what came before it is not read: StartingPosition"
    if not _within(mapping.get("MaximumRetryAttempts"), 0, MOST_RETRIES):
        yield "tries without end: MaximumRetryAttempts"
    if not _within(mapping.get("MaximumRecordAgeInSeconds"), 60, MOST_AGE_S):
        yield f"a record may hold its shard for over {MOST_AGE_S} s: MaximumRecordAgeInSeconds"
    if not at(mapping, "DestinationConfig", "OnFailure", "Destination"):
        yield "nobody hears of what is given up: DestinationConfig"
    for setting in ("BisectBatchOnFunctionError", "ParallelizationFactor", "MaximumBatchingWindowInSeconds"):
        if mapping.get(setting) is None:
            yield f"{setting} is not said"
    for one in at(mapping, "FilterCriteria", "Filters") or ():
        yield from _filter(one.get("Pattern"))


def _filter(pattern: Any) -> Iterator[str]:
    try:
        json.loads(pattern)
    except (TypeError, ValueError):
        yield "a filter that is no JSON: FilterCriteria"


def _is_queue(mapping: Json) -> bool:
    return str(at(mapping, "EventSourceArn", "Fn::ImportValue")).endswith("Queue")


def _within(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
