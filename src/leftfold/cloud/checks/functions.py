"""Functions, schedules, APIs and machines: what a handler needs is there, and no call is lost unheard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.functions import environment
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.state_machines import FUNCTION
from leftfold.cloud.template import Json

STACK: Final = "stateless"
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def check(graph: Graph, template: Json) -> Iterator[Finding]:
    made = dict(of_type(template, "AWS::Lambda::Function"))
    roles = [at(one, "Role", "Fn::GetAtt") for one in made.values()]
    for function in graph.functions:
        name = f"{function.id}Function"
        if name not in made:
            yield Finding(STACK, name, "is not there")
            continue
        yield from (Finding(STACK, name, what) for what in _function(graph, function, made[name], template))
        if roles.count(at(made[name], "Role", "Fn::GetAtt")) > 1:
            yield Finding(STACK, name, "shares its role with another function")
    for name, what in _faults(template):
        yield Finding(STACK, name, what)


def _function(graph: Graph, function: Function, found: Json, template: Json) -> Iterator[str]:
    told: Json = at(found, "Environment", "Variables") or {}
    for variable in sorted(environment(graph, function)):
        if not told.get(variable):
            yield f"its handler needs {variable}"
    if not at(found, "LoggingConfig", "LogGroup"):
        yield "its log is not the one that is kept for some days only: LoggingConfig"
    if not found.get("Handler"):
        yield "no Handler"
    if graph.woken(function, "schedule"):
        calls = [
            one
            for _, one in of_type(template, "AWS::Lambda::EventInvokeConfig")
            if at(one, "FunctionName", "Ref") == f"{function.id}Function"
        ]
        if not any(at(one, "DestinationConfig", "OnFailure", "Destination") for one in calls):
            yield "nobody hears of calls that are given up: EventInvokeConfig"
        schedules = of_type(template, "AWS::Scheduler::Schedule")
        if not any(at(one, "Target", "Arn", "Fn::GetAtt") == [f"{function.id}Function", "Arn"] for _, one in schedules):
            yield "is called by no schedule"


def _faults(template: Json) -> Iterator[tuple[str, str]]:
    for name, schedule in of_type(template, "AWS::Scheduler::Schedule"):
        if not at(schedule, "Target", "DeadLetterConfig", "Arn"):
            yield name, "drops calls unheard: DeadLetterConfig"
        if at(schedule, "Target", "RetryPolicy", "MaximumEventAgeInSeconds") is None:
            yield name, "calls a day late: RetryPolicy"
        if schedule.get("State") != "ENABLED":
            yield name, "is not enabled"
    for name, url in of_type(template, "AWS::Lambda::Url"):
        if url.get("AuthType") != "AWS_IAM":
            yield name, "anybody may call it: AuthType"
    for name, route in of_type(template, "AWS::ApiGatewayV2::Route"):
        if route.get("AuthorizationType") not in ("AWS_IAM", "JWT", "CUSTOM"):
            yield name, "anybody may call it: AuthorizationType"
    for name, stage in of_type(template, "AWS::ApiGatewayV2::Stage"):
        if not at(stage, "DefaultRouteSettings", "ThrottlingRateLimit"):
            yield name, "lets everything through: DefaultRouteSettings"
        if not stage.get("AccessLogSettings"):
            yield name, "writes no log: AccessLogSettings"
    for name, machine in of_type(template, "AWS::StepFunctions::StateMachine"):
        yield from ((name, what) for what in _machine(machine))


def _machine(machine: Json) -> Iterator[str]:
    level = at(machine, "LoggingConfiguration", "Level")
    if level in (None, "OFF") or not at(machine, "LoggingConfiguration", "Destinations"):
        yield "its failures are in no log: LoggingConfiguration"
    if at(machine, "LoggingConfiguration", "IncludeExecutionData") is not False:
        yield "its log would hold people's data: IncludeExecutionData"
    text = machine.get("DefinitionString")
    try:
        states = json.loads(text if isinstance(text, str) else "")["States"]
    except (ValueError, KeyError, TypeError):
        yield "its definition is no JSON with States: DefinitionString"
        return
    if not states:
        yield "has no states: DefinitionString"
    unknown = set(_PLACEHOLDER.findall(str(text))) - {FUNCTION}
    if unknown:
        yield f"nothing is put in for {', '.join(sorted(unknown))}: DefinitionSubstitutions"
