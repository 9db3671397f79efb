"""The archiver by way of Lambda: at each call of a schedule, what is due of the log is sealed.

Several at once, and one that is killed at any moment, make one chain of segments.
"""

from __future__ import annotations

import os
from typing import Any, Final, Unpack
from weakref import WeakKeyDictionary

from leftfold.app import App
from leftfold.archive import Archiver, Sealed
from leftfold.core.errors import ConfigError
from leftfold.lambdas.container import Call, Container, Handler, Options, archive_objects
from leftfold.ports.objects import Objects
from leftfold.session import Session
from leftfold.telemetry import metrics

KEEP_DAYS: Final = "LEFTFOLD_KEEP_DAYS"


def archiver(
    app: App, *, archive: str | Objects | None = None, keep_days: int | None = None, **options: Unpack[Options]
) -> Handler:
    """A handler for a schedule: EventBridge Scheduler or a rule, every minute to every hour. It looks at no event.

    `archive`: an objects URL or an object store, else LEFTFOLD_ARCHIVE. `keep_days`: nobody can delete what is sealed for
    so long (S3 Object Lock), else LEFTFOLD_KEEP_DAYS. A `tenant` function gets the schedule's payload. Answers with what was
    sealed and how many events wait; stops before the deadline.
    """
    container = Container(app, "archiver", options)
    kept: WeakKeyDictionary[Session, Archiver] = WeakKeyDictionary()  # each knows the archive's end, and need not look

    def handle(event: Any, context: Any) -> dict[str, int]:
        with container.call(context) as call:
            session = call.session(event)
            if session not in kept:
                kept[session] = Archiver(session.backend, archive_objects(archive), keep_days=_days(keep_days))
            sealed = kept[session].seal(go_on=lambda: not call.deadline.passed)
            _tell(call, sealed)
            return {
                "segments": len(sealed.sizes),
                "events": sealed.events,
                "upto": sealed.upto,
                "left": sealed.left,
            }

    return handle


def _tell(call: Call, sealed: Sealed) -> None:
    count = call.telemetry.count
    count(metrics.SEGMENTS_SEALED, len(sealed.sizes))
    count(metrics.EVENTS_ARCHIVED, sealed.events)
    count(metrics.LAG_EVENTS, sealed.left, subscriber="archive")
    for size in sealed.sizes:
        count(metrics.SEGMENT_BYTES, size)
    if sealed.left and call.deadline.passed:
        count(metrics.DEADLINE_STOPS)


def _days(given: int | None) -> int | None:
    said = os.environ.get(KEEP_DAYS, "")
    if given is not None or not said:
        return given
    if not said.isdecimal():
        raise ConfigError(f"{KEEP_DAYS}={said!r} is no number of days.")
    return int(said)
