"""The state machine of a replay, as Amazon States Language: a plan, its parts at once, the end of it, and the way back.

Its input is `{"view": "balances"}`, and if wanted `tenant`, `parts`, and `promote`: true. Every task is our one function
(lambdas/replayer.py), which may be retried at any time.
"""

from __future__ import annotations

from typing import Any, Final

from leftfold.replaying.plan import AT_ONCE

TRIES: Final = 6  # of a task: with the pauses between them some two minutes, in which a store comes back
PART_TIMEOUT_S: Final = 960  # over the 15 minutes that a function may take, so that it is the function that stops
LOOK_AGAIN_S: Final = 5  # while somebody else brings the build to the log's end

FINAL: Final = ("ConfigError", "IntegrityError", "Rejected", "BadKey")  # said again, they are said again
TASK: Final = "arn:aws:states:::lambda:invoke"

State = dict[str, Any]


def replay_machine(function: str) -> State:
    """The definition. `function` is the replayer's name or ARN, or what a template puts in its place."""
    return {
        "Comment": "Rebuilds a view from its archive beside the build that serves.",
        "StartAt": "Plan",
        "States": {
            "Plan": _plan(function),
            "Parts": _parts(function),
            "Finish": _task(function, "finish", after="Whole?", told={"more.$": "$.Payload.more"}),
            "Whole?": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.told.more", "BooleanEquals": True, "Next": "Wait"},
                    {"Variable": "$.promote", "BooleanEquals": True, "Next": "Promote"},
                ],
                "Default": "Done",
            },
            "Wait": {"Type": "Wait", "Seconds": LOOK_AGAIN_S, "Next": "Finish"},
            "Promote": _task(function, "promote", after="Done"),
            "Done": {"Type": "Pass", "OutputPath": "$.run", "End": True},  # cfn-lint lets a Succeed have no paths
            "Abandon": _task(function, "abandon", after="Failed", catch=False),
            "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def _plan(function: str) -> State:
    """What it leaves when it fails is a few marks that nobody reads: there is nothing to take back."""
    answers = {f"{name}.$": f"$.Payload.{name}" for name in ("run", "items", "tenant", "promote")}
    return {
        "Type": "Task",
        "Resource": TASK,
        "Parameters": {
            "FunctionName": function,
            "Payload": {"do": "plan", "id.$": "$$.Execution.Id", "wanted.$": "$"},
        },
        "ResultSelector": answers,
        "TimeoutSeconds": PART_TIMEOUT_S,
        "Retry": _retry(),
        "Next": "Parts",
    }


def _parts(function: str) -> State:
    """Children are Standard: an Express one ends after 5 minutes, and a part may take 15 and more.

    That costs four transitions a child, $0.0001. Each item is a whole part, so there is nothing to batch.
    """
    child: State = {
        "Part": _task(function, "part", after="Folded?", told={"more.$": "$.Payload.more"}, catch=False),
        "Folded?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.told.more", "BooleanEquals": True, "Next": "Part"}],
            "Default": "Folded",
        },
        "Folded": {"Type": "Pass", "Result": {}, "End": True},
    }
    return {
        "Type": "Map",
        "Label": "Parts",
        "ItemsPath": "$.items",
        "ItemSelector": {"run.$": "$.run", "tenant.$": "$.tenant", "part.$": "$$.Map.Item.Value"},
        "MaxConcurrency": AT_ONCE,
        "ToleratedFailurePercentage": 0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Part",
            "States": child,
        },
        "ResultPath": None,
        "Catch": _catch(),
        "Next": "Finish",
    }


def _task(function: str, do: str, *, after: str, told: State | None = None, catch: bool = True) -> State:
    payload = {"do": do, "run.$": "$.run", "tenant.$": "$.tenant"}
    if do == "part":
        payload["part.$"] = "$.part"
    answer: State = {"ResultSelector": told, "ResultPath": "$.told"} if told else {"ResultPath": None}
    return {
        "Type": "Task",
        "Resource": TASK,
        "Parameters": {"FunctionName": function, "Payload": payload},
        **answer,
        "TimeoutSeconds": PART_TIMEOUT_S,
        "Retry": _retry(),
        **({"Catch": _catch()} if catch else {}),
        "Next": after,
    }


def _retry() -> list[State]:
    return [
        {"ErrorEquals": list(FINAL), "MaxAttempts": 0},
        {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": 2,
            "BackoffRate": 2,
            "MaxAttempts": TRIES,
            "MaxDelaySeconds": 60,
            "JitterStrategy": "FULL",
        },
    ]


def _catch() -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Abandon"}]
