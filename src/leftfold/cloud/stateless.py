"""The stack that may be made again at any time: functions, roles, logs, mappings, schedules, the API, alarms."""

from __future__ import annotations

from leftfold.app import App
from leftfold.cloud import alarms, api, dashboard, functions, mappings, schedules, state_machines
from leftfold.cloud.functions import role
from leftfold.cloud.grants import allow, key_statements, policy
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json, att, ref


def template(graph: Graph, app: App) -> Json:
    resources: Json = {}
    for function in graph.functions:
        resources |= functions.resources(graph, function) | mappings.resources(graph, function)
    resources |= schedules.resources(graph) | state_machines.resources(graph, app) | api.resources(graph)
    if graph.has_runs:
        resources["RingsRole"] = _rings(graph)
    resources |= alarms.resources(graph) | dashboard.resources(graph)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{graph.app} ({graph.settings.env}): what works",
        "Parameters": _parameters(graph),
        "Conditions": {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [ref("AlarmTopic"), ""]}]}},
        "Resources": resources,
        "Outputs": _outputs(graph),
    }


def _parameters(graph: Graph) -> Json:
    return {
        "CodeBucket": {"Type": "String", "Description": "the bucket that holds the bundle"},
        "CodeKey": {"Type": "String", "Description": "the bundle's name in it; another one for each build"},
        "Runtime": {
            "Type": "String",
            "Default": f"python{graph.settings.python}",
            "Description": "the Python that the bundle was built for",
        },
        "AlarmTopic": {
            "Type": "String",
            "Default": graph.settings.alarms.topic,
            "Description": "the ARN of the SNS topic that hears of alarms; empty for none",
        },
    }


def _rings(graph: Graph) -> Json:
    """Who sends for a one-off schedule of a timer."""
    ring = allow("Ring", ("sqs:SendMessage",), [graph.imported("TimersQueue")])
    return role(graph, "scheduler.amazonaws.com", policy([ring, *key_statements(graph)]))


def _outputs(graph: Graph) -> Json:
    named = {f"{one.id}Function": {"Value": att(f"{one.id}Function")} for one in graph.functions}
    return named | api.outputs(graph)
