"""The replayer as it stands in a function's zip; killed or stopped at its n-th write, or hurried, where an event says so."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.lambdas import replayer
from leftfold.replaying import parts
from tests.replaying.scene import forgetful

WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")

parts.PAGE_EVENTS = 40  # type: ignore[misc]
real = replayer(forgetful)
call = Calls.call
left: int | None = None
blow = signal.SIGKILL


def counted(self: Calls, operation: str, **parameters: Any) -> Any:
    global left
    if left is not None and operation in WRITES:
        if left == 0:
            os.kill(os.getpid(), blow)
        left -= 1
    return call(self, operation, **parameters)


Calls.call = counted  # type: ignore[method-assign]


def handler(event: Any, context: Any) -> Any:
    global left, blow
    left, blow = event.pop("at", None), signal.SIGSTOP if event.pop("stop", False) else signal.SIGKILL
    if event.pop("hurry", False):
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 0, aws_request_id="hurried")
    return real(event, context)
