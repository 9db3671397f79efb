"""Reactions and processes: events become commands.

A reaction is a function from a recorded event to the commands it sends. A process remembers: it folds the events that
belong together, and what it sends and schedules depends on what it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar, overload

from msgspec import Struct

from leftfold.core.decider import BoundaryDecider, Decider
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.streams import COMMAND_ID_BYTES, check_category, check_key
from leftfold.core.views import check_version

C = TypeVar("C")
M = TypeVar("M")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)

TIMER_BYTES: Final = 128  # a timer's name is part of the ids of what it brings about


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


class _Timer(Struct, frozen=True):
    name: str


class Schedule(_Timer, frozen=True, kw_only=True):
    """Set a timer of the process: `Schedule("overdue", after=timedelta(days=3))`, or `at=` an aware time.

    `after` counts from the recorded time of the event reacted to, of a timer from when it fired (`at=due.at + ...` counts
    from when it should have). Again under the same name replaces; with neither, takes it back. It comes back as `Due`.
    """

    after: timedelta | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        check_key(self.name, "a timer's name", TIMER_BYTES)
        if self.after is not None and self.at is not None:
            raise ConfigError(f"Schedule({self.name!r}): say after= or at=, not both.")
        if self.after is not None and self.after < timedelta():
            raise ConfigError(
                f"Schedule({self.name!r}): after= can't be negative; Schedule({self.name!r}) takes it back."
            )
        if self.at is not None and self.at.tzinfo is None:
            raise ConfigError(
                f"Schedule({self.name!r}): at= must have a time zone, as datetime(2026, 5, 1, tzinfo=UTC)."
            )


class Done(Struct, frozen=True):
    """The process's instance is at its end: its timers are taken back, later events pass it by."""


class Due(Struct, frozen=True):
    """A timer of the process has fired: the one set for `at`."""

    name: str
    at: datetime


class Refused(Struct, frozen=True):
    """A command that the process sent was refused: `error` is the class of the refusal, `reason` what it said."""

    to: str
    key: str | None
    command: object
    error: str
    reason: str


Todo = Send | Schedule | Done


class Correlate(Protocol[E_contra]):
    """`correlate(event)`. A Protocol, and no Callable: mypy then takes E from it, not from `evolve` and `react`."""

    def __call__(self, event: E_contra, /) -> str | None: ...


class Process(Generic[M, E]):
    """Events that belong together, folded into a memory; each may lead to commands, timers, or the end.

    `correlate(event)` names the instance that an event is for, None for none; its annotation is the subscription. Then
    `evolve(memory, event)` remembers, and `react(memory, event)` says what to do: a list of Send, Schedule, Done. Each
    takes the event or `Recorded[...]`; evolve and react also `Refused` and `Due`, where their annotations say so. `name`
    is the category of the memory's streams. Declare a new `version` beside the old one: an instance stays with the one
    that began it. An instance that has not moved for `stuck_after` is shown as stuck.
    """

    __slots__ = ("correlate", "evolve", "initial", "name", "react", "stuck_after", "version")

    name: str
    initial: M
    correlate: Correlate[Any]
    evolve: Callable[[M, Any], M]
    react: Callable[[M, Any], Sequence[Todo]]
    version: int
    stuck_after: timedelta | None

    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[Recorded[E]],
        evolve: Callable[[M, Recorded[E]], M],
        react: Callable[[M, Recorded[E]], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[Recorded[E]],
        evolve: Callable[[M, Recorded[E]], M],
        react: Callable[[M, E], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[Recorded[E]],
        evolve: Callable[[M, E], M],
        react: Callable[[M, Recorded[E]], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[Recorded[E]],
        evolve: Callable[[M, E], M],
        react: Callable[[M, E], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[E],
        evolve: Callable[[M, E], M],
        react: Callable[[M, E], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None: ...
    def __init__(
        self,
        name: str,
        *,
        initial: M,
        correlate: Correlate[Any],
        evolve: Callable[[M, Any], M],
        react: Callable[[M, Any], Sequence[Todo]],
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None:
        check_category(name)
        check_version(f"process {name!r}", version)
        if stuck_after is not None and stuck_after <= timedelta():
            raise ConfigError(f"process {name!r}: stuck_after must be a positive time, not {stuck_after}.")
        self.name, self.initial, self.version, self.stuck_after = name, initial, version, stuck_after
        self.correlate, self.evolve, self.react = correlate, evolve, react

    def __repr__(self) -> str:
        return f"Process({self.name!r}, version={self.version})"


AnyProcess = Process[Any, Any]


def sent_id(reaction: str, event_id: str, index: int) -> str:
    """The id of a sent command: derived, so that a redelivered event cannot send twice. Long ones are hashed."""
    plain = f"{reaction}:{event_id}:{index}"
    if len(plain.encode()) <= COMMAND_ID_BYTES:
        return plain
    return f"{reaction}:{hashlib.sha256(event_id.encode()).hexdigest()}:{index}"
