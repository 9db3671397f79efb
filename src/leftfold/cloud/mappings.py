"""Event source mappings: who wakes whom, every safety setting said. Why each is so: docs/how-to/wire-the-flow.md."""

from __future__ import annotations

import json
from typing import Final

from leftfold.cloud.functions import tags
from leftfold.cloud.grants import records_of
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json, ref

RETRIES: Final = 100  # the default is without end; what is given up is found by the schedule
RECORD_AGE_S: Final = 3600  # an hour, of the day that a stream keeps
WINDOW_S: Final = 0  # a second makes pages larger, and everything a second later
COMMITS_BATCH: Final = 1000
PAGES_BATCH: Final = 100  # a wake-up for many pages costs what one costs
QUEUE_BATCH: Final = 10
QUEUE_CONCURRENCY: Final = 10  # of one queue's calls at once: writers of one stream only lose races
LEAST_CONCURRENCY: Final = 2  # that a mapping of a queue can say (Lambda API reference)
INGEST_AGE_S: Final = 6 * 3600  # readings are the thing itself: they are tried for longer than wake-ups

COMMITS: Final = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": [{"exists": True}]}}}}
PAGES: Final = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"h": {"B": [{"exists": True}]}}}}
FILTERS: Final = {"events": COMMITS, "log": PAGES}


def resources(graph: Graph, function: Function) -> Json:
    """Logical id -> mapping, for each stream or queue that wakes the function."""
    found = {
        f"{function.id}From{table.capitalize()}": _stream(graph, function, table)
        for table in graph.woken(function, "stream")
    }
    if function.kind == "ingest":
        found[f"{function.id}FromRecords"] = _records(graph, function)
    if function.kind in ("inbound", "timers"):
        found[f"{function.id}FromQueue"] = _queue(graph, function)
    return found


def _mapping(graph: Graph, function: Function, **properties: object) -> Json:
    common = {"FunctionName": ref(f"{function.id}Function"), "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "DependsOn": [f"{function.id}Role"],
        "Properties": {**common, "Enabled": True, "Tags": tags(graph), **properties},
    }


def _stream(graph: Graph, function: Function, table: str) -> Json:
    return _mapping(
        graph,
        function,
        EventSourceArn=graph.imported(f"{table.capitalize()}Stream"),
        StartingPosition="TRIM_HORIZON",
        BatchSize=COMMITS_BATCH if table == "events" else PAGES_BATCH,
        MaximumBatchingWindowInSeconds=WINDOW_S,
        ParallelizationFactor=1,
        MaximumRetryAttempts=RETRIES,
        MaximumRecordAgeInSeconds=RECORD_AGE_S,
        BisectBatchOnFunctionError=False,
        DestinationConfig={"OnFailure": {"Destination": graph.imported(f"{function.id}Failures")}},
        FilterCriteria={"Filters": [{"Pattern": json.dumps(FILTERS[table], sort_keys=True)}]},
    )


def _records(graph: Graph, function: Function) -> Json:
    """Readings that are given up are kept whole, in the aside bucket: a queue would have their numbers alone."""
    source = graph.source(function.of)
    return _mapping(
        graph,
        function,
        EventSourceArn=records_of(graph, function),
        StartingPosition="TRIM_HORIZON",
        BatchSize=source.batch,
        MaximumBatchingWindowInSeconds=1,
        ParallelizationFactor=source.parallel,
        MaximumRetryAttempts=RETRIES,
        MaximumRecordAgeInSeconds=INGEST_AGE_S,
        BisectBatchOnFunctionError=True,
        DestinationConfig={
            "OnFailure": {
                "Destination": {
                    "Fn::Sub": ["arn:${AWS::Partition}:s3:::${Bucket}", {"Bucket": graph.imported("AsideBucket")}]
                }
            }
        },
        MetricsConfig={"Metrics": ["EventCount"]},
    )


def _queue(graph: Graph, function: Function) -> Json:
    """A queue gives up by its own redrive policy: calls that a function's own limit throttles would be counted there."""
    limit = graph.of(function).concurrency or QUEUE_CONCURRENCY
    return _mapping(
        graph,
        function,
        EventSourceArn=graph.imported(f"{function.id}Queue"),
        BatchSize=QUEUE_BATCH,
        MaximumBatchingWindowInSeconds=0,
        ScalingConfig={"MaximumConcurrency": max(LEAST_CONCURRENCY, min(limit, QUEUE_CONCURRENCY))},
    )
