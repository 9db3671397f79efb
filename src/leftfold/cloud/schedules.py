"""Schedules: what no delivery brought is looked for every few minutes; the archiver lives by them alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from leftfold.cloud.functions import role
from leftfold.cloud.grants import allow, key_statements, policy
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json, att, camel, short

EVERY: Final = "rate(5 minutes)"
EACH_MINUTE: Final = "rate(1 minute)"  # the finest that EventBridge Scheduler has
CALL_AGE_S: Final = 300  # a call that is late by more is the next one's work
CALL_RETRIES: Final = 5


def resources(graph: Graph) -> Json:
    """All schedules, and the role by which they call."""
    functions = [one for one in graph.functions if graph.woken(one, "schedule")]
    found: Json = {"SchedulesRole": role(graph, "scheduler.amazonaws.com", _rights(graph, functions))}
    for function in functions:
        for name, told in _inputs(graph, function):
            found[f"{camel(function.name, name)}Schedule"] = _schedule(graph, function, name, told)
    return found


def _inputs(graph: Graph, function: Function) -> Iterator[tuple[str, Json]]:
    """What each schedule of the function says. The archiver is called for each tenant by itself."""
    tenants = graph.settings.fixed
    if function.kind == "archiver" and len(tenants) > 1:
        yield from ((tenant, {"tenant": tenant}) for tenant in sorted(tenants))
    else:
        yield "", {"tenants": sorted(tenants)} if tenants else {}


def _rights(graph: Graph, functions: list[Function]) -> Json:
    return policy(
        [
            allow("Call", ("lambda:InvokeFunction",), [att(f"{one.id}Function") for one in functions]),
            allow("GivenUp", ("sqs:SendMessage",), [graph.imported(f"{one.id}Failures") for one in functions]),
            *key_statements(graph),
        ]
    )


def _schedule(graph: Graph, function: Function, name: str, told: Json) -> Json:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": short(graph.physical(function.name, *([name] if name else []))),
            "Description": f"{graph.app}: {function.name} looks for what no delivery brought",
            "ScheduleExpression": every(graph, function),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": att(f"{function.id}Function"),
                "RoleArn": att("SchedulesRole"),
                "Input": json.dumps(told, sort_keys=True),
                "RetryPolicy": {"MaximumEventAgeInSeconds": CALL_AGE_S, "MaximumRetryAttempts": CALL_RETRIES},
                "DeadLetterConfig": {"Arn": graph.imported(f"{function.id}Failures")},
            },
        },
    }


def every(graph: Graph, function: Function) -> str:
    if function.kind == "archiver":
        return graph.settings.archive.every
    return EACH_MINUTE if function.kind == "publisher" and not graph.woken(function, "stream") else EVERY
