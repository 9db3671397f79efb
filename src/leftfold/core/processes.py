"""Reactions: events become commands. A reaction is a function from a recorded event to the commands it sends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from msgspec import Struct

from leftfold.core.decider import BoundaryDecider, Decider
from leftfold.core.streams import COMMAND_ID_BYTES

C = TypeVar("C")


class Send(Struct, frozen=True):
    """One command to send. `key` is None for a decider whose boundary says where the command belongs."""

    to: Decider[Any, Any, Any]
    key: str | None
    command: object


Reaction = Callable[[Any], Sequence[Send]]


@overload
def send(to: Decider[C, Any, Any], key: str, command: C, /) -> Send: ...
@overload
def send(to: BoundaryDecider[C, Any, Any], command: C, /) -> Send: ...
def send(to: Decider[Any, Any, Any], key: Any, command: Any = None, /) -> Send:
    """`send(account, "ann", Deposit(5))`, or `send(enrolment, Enrol("c1", "s7"))` where the boundary says the key."""
    return Send(to, None, key) if command is None else Send(to, key, command)


def sent_id(reaction: str, event_id: str, index: int) -> str:
    """The id of a sent command: derived, so that a redelivered event cannot send twice. Long ones are hashed."""
    plain = f"{reaction}:{event_id}:{index}"
    if len(plain.encode()) <= COMMAND_ID_BYTES:
        return plain
    return f"{reaction}:{hashlib.sha256(event_id.encode()).hexdigest()}:{index}"
