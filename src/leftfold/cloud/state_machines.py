"""State machines: one to each workflow's version, and one that replays a view. Each with its log and its own role."""

from __future__ import annotations

import json
from typing import Final

from leftfold.app import App
from leftfold.cloud.functions import log_of, role, tags
from leftfold.cloud.grants import DELIVERS_LOGS, allow, policy, runs_machines
from leftfold.cloud.graph import Graph
from leftfold.cloud.machines import machine
from leftfold.cloud.replay_machine import replay_machine
from leftfold.cloud.template import Json, arn, att, camel
from leftfold.ports.machines import machine_name

FUNCTION: Final = "Function"  # the name that a definition's function is put in for


def resources(graph: Graph, app: App) -> Json:
    found: Json = {}
    asked = f"${{{FUNCTION}}}"
    if runs_machines(graph):
        for workflow in app.workflows:
            name = machine_name(workflow.name, workflow.version)
            found |= _machine(graph, name, "Tasks", machine(workflow, asked), [])
    if any(one.kind == "replayer" for one in graph.functions):
        found |= _machine(graph, "replay", "Replayer", replay_machine(asked), _children(graph))
    return found


def machine_id(name: str) -> str:
    """The logical id of a state machine."""
    return f"{camel(name)}Machine"


def _machine(graph: Graph, name: str, function: str, definition: Json, more: list[Json]) -> Json:
    """The machine's logical id is `...Machine`; its log has no data of executions, which may be anybody's."""
    ours = machine_id(name)
    physical = f"{graph.machines}{name}"
    rights = [allow("Call", ("lambda:InvokeFunction",), [att(f"{function}Function")]), *more]
    rights.append(allow("Log", tuple(DELIVERS_LOGS), "*"))
    return {
        f"{ours}Log": log_of(graph, f"/aws/vendedlogs/states/{physical}"),
        f"{ours}Role": role(graph, "states.amazonaws.com", policy(rights)),
        ours: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": physical,
                "StateMachineType": "STANDARD",
                "DefinitionString": json.dumps(definition, sort_keys=True),
                "DefinitionSubstitutions": {FUNCTION: att(f"{function}Function")},
                "LoggingConfiguration": {
                    "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att(f"{ours}Log")}}],
                    "IncludeExecutionData": False,
                    "Level": "ERROR",
                },
                "RoleArn": att(f"{ours}Role"),
                "Tags": tags(graph),
            },
        },
    }


def _children(graph: Graph) -> list[Json]:
    """A Distributed Map starts executions of its own machine, and may stop them."""
    name = f"{graph.machines}replay"
    runs = [arn("states", f"execution:{name}/*"), arn("states", f"execution:{name}:*")]
    return [
        allow("Children", ("states:StartExecution",), [arn("states", f"stateMachine:{name}")]),
        allow("EndedChildren", ("states:DescribeExecution", "states:StopExecution"), runs),
    ]
