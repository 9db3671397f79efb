"""Executions of a state machine of Step Functions, started and watched by hand. Implements Executions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from leftfold.adapters import boto
from leftfold.ports.executions import Execution

ATTEMPTS: Final = 6  # of a call: each is harmless twice, a start by its name
SUCCEEDED, RUNNING = "SUCCEEDED", ("RUNNING", "PENDING_REDRIVE")


class StateMachine:
    """The machine of this ARN."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn

    def start(self, asked: Mapping[str, Any]) -> str:
        name = f"by-hand-{os.urandom(8).hex()}"
        told = self._call("start_execution", stateMachineArn=self._arn, name=name, input=json.dumps(asked))
        return str(told["executionArn"])

    def look(self, name: str) -> Execution:
        told = self._call("describe_execution", executionArn=name)
        done, total = self._items(name)
        status: str = told["status"]
        if status in RUNNING:
            return Execution("running", done, total, {}, "")
        if status == SUCCEEDED:
            return Execution("succeeded", done, total, json.loads(told["output"]), "")
        why = ": ".join(part for part in (told.get("error"), told.get("cause")) if part)
        return Execution("failed", done, total, {}, why or status)

    def close(self) -> None:
        self._client.close()

    def _items(self, name: str) -> tuple[int, int]:
        runs: list[dict[str, Any]] = self._call("list_map_runs", executionArn=name)["mapRuns"]
        if not runs:
            return 0, 0
        counts = self._call("describe_map_run", mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        return int(counts["succeeded"]), int(counts["total"])

    def _call(self, operation: str, **given: str) -> dict[str, Any]:
        with boto.translated(f"states:{self._arn}"):
            told: dict[str, Any] = getattr(self._client, operation)(**given)
            return told


def open_machine(arn: str, *, region: str | None, endpoint: str | None) -> StateMachine:
    """A state machine by the default chain of credentials."""
    return StateMachine(boto.client("stepfunctions", region=region, endpoint=endpoint, attempts=ATTEMPTS), arn)
