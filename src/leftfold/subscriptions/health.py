"""Health: not only how far behind a subscriber is, but whether it still moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.ports.backend import Backend

FROZEN_S: Final = 60.0  # ordinary batches take milliseconds: a minute without a move is a standstill

State = Literal["ok", "behind", "frozen", "parked"]


class Health(Struct, frozen=True):
    """One subscriber: `lag` in events, `parked` lanes, and the worst of what is true as `state`.

    `frozen`: events have waited for over FROZEN_S while the position did not move. `parked` lanes hold up only
    themselves; `behind` is ordinary while it moves.
    """

    subscriber: str
    state: State
    position: int
    lag: int
    parked: int
    moved_at: datetime | None


def health(backend: Backend, codec: Codec, subscriber: str) -> Health:
    """The subscriber's health now, on the store's clock."""
    progress = backend.checkpoints.load(subscriber)
    lag = max(0, backend.log.end() - progress.position)
    state: State = "parked" if progress.parked else "behind" if lag else "ok"
    if lag:
        (waiting,) = backend.log.page(after=progress.position, limit=1)
        since = codec.peek(waiting).at
        if progress.moved_at is not None:
            since = max(since, progress.moved_at)
        if backend.clock.now() - since > timedelta(seconds=FROZEN_S):
            state = "frozen"
    return Health(subscriber, state, progress.position, lag, len(progress.parked), progress.moved_at)
