"""The replayer as it stands in a function's zip; killed or stopped at its n-th write, or hurried, where an event says so."""

from __future__ import annotations

import os
import signal
import threading
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
counting = threading.Lock()


def counted(self: Calls, operation: str, **parameters: Any) -> Any:
    global left
    if operation in WRITES:
        with counting:  # several threads write rows, and only one of them is meant: who goes on isn't stopped again
            meant = left == 0
            left = None if left is None else left - 1
        if meant:
            os.kill(os.getpid(), blow)
    return call(self, operation, **parameters)


Calls.call = counted  # type: ignore[method-assign]


def handler(event: Any, context: Any) -> Any:
    global left, blow
    left, blow = event.pop("at", None), signal.SIGSTOP if event.pop("stop", False) else signal.SIGKILL
    if event.pop("hurry", False):
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 0, aws_request_id="hurried")
    return real(event, context)
