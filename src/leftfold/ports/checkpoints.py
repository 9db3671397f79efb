"""Checkpoints, leases, dead letters: how far each subscriber is, who may move it, and what it had to set aside."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

DeadKind = Literal["poison", "queued", "refused", "skipped"]


class DeadLetter(Struct, frozen=True):
    """One event that a subscriber set aside.

    `lane` is the row key or stream that is parked; `kind` says why: `poison` failed, `queued` waits behind it,
    `refused` is a reaction's command that the domain refused, `skipped` was given up with a reason (in `error`).
    """

    subscriber: str
    lane: str
    position: int
    kind: DeadKind
    error: str = ""
    at: datetime | None = None


class Progress(Struct, frozen=True):
    """A subscriber's place. `revision` rises with every move; `parked` maps each parked lane to its first position.

    That may be over `position`: a step whose letters are written before its effect has died between the two.
    `moved_at` is when the position last rose; None for a subscriber that never ran.
    """

    position: int = 0
    revision: int = 0
    parked: dict[str, int] = {}
    moved_at: datetime | None = None


class Lease(Struct, frozen=True):
    """The right to move a subscriber, until `until` on the store's clock. A later lease has a higher token."""

    subscriber: str
    owner: str
    token: int
    until: datetime


class Move(Struct, frozen=True):
    """One step of a subscriber: from the revision that it read, to `position`, with what it parked and released.

    What is released goes first, so that a letter may be released and parked again, changed, in one step. Letters get
    the time of the step, on the store's clock.
    `token` is its lease's; None for an operator's step, which the revision alone guards.
    """

    subscriber: str
    revision: int
    position: int
    token: int | None
    park: tuple[DeadLetter, ...] = ()
    release: tuple[DeadLetter, ...] = ()


class Checkpoints(Protocol):
    """Progress and leases, on the store's clock."""

    def load(self, subscriber: str) -> Progress: ...

    def move(self, move: Move) -> None:
        """Raises Fenced when the revision or the lease's token is not the current one."""
        ...

    def acquire(self, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        """Take or renew the lease; None while another owner's runs. A renewal of a running lease keeps its token."""
        ...

    def release(self, lease: Lease) -> None:
        """Let go early. Nothing happens when the lease was lost meanwhile."""
        ...

    def names(self) -> list[str]:
        """Every subscriber that ever moved, sorted."""
        ...


class DeadLetters(Protocol):
    """What was set aside, in position order."""

    def list(
        self, subscriber: str | None = None, lane: str | None = None, *, limit: int = 1000
    ) -> list[DeadLetter]: ...

    def count(self) -> dict[tuple[str, str], int]:
        """How many there are by (subscriber, kind)."""
        ...
