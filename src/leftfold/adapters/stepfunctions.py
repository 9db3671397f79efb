"""Step Functions: executions of the state machines that workflows are compiled to.

Knows: botocore's client for `stepfunctions`, behind a door that opens on first use. Implements Machines.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from leftfold.adapters import boto
from leftfold.ports.machines import Start, machine_name

NAME: Final = 80  # characters of an execution's name (Step Functions quotas)
READABLE: Final = 40  # of them for the run's id; the digest makes it one of a kind
ATTEMPTS: Final = 2  # of a call: whoever calls comes back by itself, and holds a lease meanwhile

_ODD: Final = re.compile(r"[^0-9A-Za-z_-]")  # whatever else would keep the execution out of CloudWatch's logs

# A task that waits no more: it was answered, its time ran out, its execution ended. Whoever waits now has another token.
_WAITS_NO_MORE: Final = {"TaskTimedOut", "TaskDoesNotExist"}


class StepFunctions:
    """The machines whose ARNs begin with `prefix`, as `arn:aws:states:eu-west-1:123456789012:stateMachine:bank-`."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client, self._prefix = client, prefix

    def start(self, start: Start) -> None:
        machine = self._prefix + machine_name(start.workflow, start.version)
        given = {"tenant": start.tenant, "run": start.run}
        self._call(
            f"states:{machine}",
            {"ExecutionAlreadyExists"},
            "start_execution",
            stateMachineArn=machine,
            name=execution_name(start),
            input=json.dumps(given),
        )

    def succeed(self, token: str, answer: Mapping[str, Any]) -> None:
        self._call("states", _WAITS_NO_MORE, "send_task_success", taskToken=token, output=json.dumps(answer))

    def close(self) -> None:
        self._client.close()

    def _call(self, where: str, harmless: set[str], operation: str, **given: str) -> None:
        with boto.translated(where):
            try:
                getattr(self._client, operation)(**given)
            except self._client.exceptions.ClientError as error:
                if error.response["Error"].get("Code") not in harmless:
                    raise


def execution_name(start: Start) -> str:
    """An execution's name: the run's id as far as it may be shown, and a digest of whose it is and which time.

    Step Functions keeps a name for 90 days after the end, and begins nothing under it meanwhile.
    """
    at = "" if start.at is None else start.at.isoformat()
    whole = json.dumps([start.tenant, start.run, start.attempt, at])
    digest = hashlib.sha256(whole.encode()).hexdigest()[: NAME - READABLE - 1]
    return f"{_ODD.sub('_', start.run[:READABLE])}-{digest}"


def open_states(prefix: str, *, region: str | None, endpoint: str | None) -> StepFunctions:
    """The machines of a deployment, by the default chain of credentials."""
    return StepFunctions(boto.client("stepfunctions", region=region, endpoint=endpoint, attempts=ATTEMPTS), prefix)
