"""Draining a lane: its events again, in order, until it is free or the first one fails again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from leftfold.core.errors import ConfigError, Fenced, StoreUnavailable, TooLarge
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Move
from leftfold.subscriptions.follow import MAX_FENCED, Work

DRAIN_EVENTS: Final = 500  # one write: the lane stays parked until its last letter is gone, so order is kept between


def waiting(backend: Backend, subscriber: str, lane: str, limit: int = DRAIN_EVENTS) -> list[DeadLetter]:
    """The letters that hold the lane, in order."""
    size = limit
    while True:  # letters that hold nothing, as skipped ones, stand among the others
        page = backend.dead.list(subscriber, lane, limit=size)
        found = [one for one in page if one.kind in ("poison", "queued")][:limit]
        if len(found) == limit or len(page) < size:
            return found
        size *= 2


def drain(work: Work, backend: Backend, lane: str, on_progress: Callable[[int], None] = lambda done: None) -> int:
    """Retry the lane's letters. Returns how many still wait: 0 when the lane is free.

    Letters over the checkpoint are left alone: the page that they are of is still under way, or comes again.
    """
    done = fenced = 0
    limit = DRAIN_EVENTS
    while True:
        progress = backend.checkpoints.load(work.subscriber)  # before the letters: else another's retry may go unseen
        found = waiting(backend, work.subscriber, lane, limit)
        letters = [letter for letter in found if letter.position <= progress.position]
        if not letters:
            return len(found)
        page = [stored for letter in letters for stored in backend.log.page(after=letter.position - 1, limit=1)]
        try:
            work.retry(page, letters, progress)
        except Fenced:  # the subscriber moved meanwhile: its lane may be longer now
            fenced += 1
            if fenced > MAX_FENCED:
                raise
            continue
        except TooLarge:  # for one step of this store
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            continue
        left = waiting(backend, work.subscriber, lane)
        if left and left[0].position <= letters[-1].position:
            return len(left)
        done += len(letters)
        on_progress(done)


def skip(work: Work, backend: Backend, lane: str, reason: str) -> int:
    """Give up the event that parks the lane, for a recorded reason, then drain the rest. Returns how many still wait."""
    if not reason.strip():
        raise ConfigError("skipping an event needs a reason: it is kept with the event for whoever asks later.")
    progress = backend.checkpoints.load(work.subscriber)
    letters = waiting(backend, work.subscriber, lane, limit=1)
    if not letters:
        raise ConfigError(f"{work.subscriber!r} has no parked lane {lane!r}: see `leftfold dead APP list`.")
    head = letters[0]
    if head.position > progress.position:
        raise StoreUnavailable(f"{work.subscriber!r} is just passing position {head.position}: try again when it has.")
    given_up = DeadLetter(head.subscriber, head.lane, head.position, "skipped", f"{reason} (was: {head.error})")
    step = Move(work.subscriber, progress.revision, progress.position, None, park=(given_up,), release=(head,))
    backend.checkpoints.move(step)
    return drain(work, backend, lane)
