"""`leftfold log`: the events, as they were recorded."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import click
import msgspec
from msgspec import Raw, Struct
from rich.console import Console

from leftfold.cli.apps import target, target_options
from leftfold.cli.output import aside, brief, clean, json_line, moment, screen, styled, when_stopped
from leftfold.core.events import Recorded, Stored
from leftfold.core.state import DAWN
from leftfold.core.streams import check_category, parse_stream
from leftfold.ports.store import PAGE_EVENTS
from leftfold.session import Session

POLL_S: Final = 0.25  # how often --follow looks for what other processes appended

_AGE = re.compile(r"(\d{1,7})\s*(s|min|m|h|d)\Z")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


class Chosen(Struct, frozen=True):
    """Which events to show: those with a position over `after`, recorded at `since` or later, and so on."""

    stream: str
    types: frozenset[str]
    after: int
    since: datetime | None

    def takes(self, event: Recorded[Raw]) -> bool:
        if self.since is not None and event.at < self.since:
            return False
        return not self.stream or any(
            name == self.stream or name.startswith(f"{self.stream}/") for name, _ in event.slots
        )


@click.command(short_help="what happened: events, also as they come")
@target_options
@click.option("--stream", metavar="STREAM", help="Only this stream (account/ann) or category (account).")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only events of this type; may be repeated.")
@click.option(
    "--since", metavar="WHEN", help="From a position (120), a time (2026-03-01T12:00Z) or an age (10m, 2h, 3d) on."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the oldest first.")
@click.option("--last", type=click.IntRange(min=1), help="Only the newest so many of what is there now.")
@click.option("--follow", is_flag=True, help="Then wait for new events, until Ctrl-C.")
def log(
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    stream: str | None,
    types: tuple[str, ...],
    since: str | None,
    limit: int | None,
    last: int | None,
    follow: bool,
) -> None:
    """Show events: position, time (UTC), id, type, data, and who asked for it by which command.

    With --json a line for each: position, id, type, at, streams, data, meta.
    """
    with target(app, store, tenant).open("ro") as session:
        after, moment_ = _since(since, session.backend.clock.now())
        chosen = Chosen(_stream(stream), frozenset(types), after, moment_)
        end = session.backend.log.end()
        events = _recorded(session, chosen, end)
        if last is not None:
            events = iter(deque(events, last))
        if follow:
            when_stopped("no longer following; nothing was changed.")
            events = _chain(events, _followed(session, chosen, end))
        shown = _show(islice(events, limit), _Lines(session, end), as_json)
    if not shown and not as_json:
        aside().print(f"No event {'matches' if end else 'yet: the log is empty'}.")


def _recorded(session: Session, chosen: Chosen, end: int) -> Iterator[Recorded[Raw]]:
    """What is in the log now. One stream is read by itself, without a walk through the others."""
    after = chosen.after
    if "/" in chosen.stream:
        yield from _of_stream(session, chosen, end)
        return
    while after < end and (page := session.backend.log.page(after=after)):
        yield from _taken(session, chosen, [stored for stored in page if stored.position <= end])
        after = page[-1].position


def _of_stream(session: Session, chosen: Chosen, end: int) -> Iterator[Recorded[Raw]]:
    version = 0
    while page := session.backend.log.history(chosen.stream, after=version):
        yield from _taken(session, chosen, [one for one in page if chosen.after < one.position <= end])
        version = page[-1].version
        if len(page) < PAGE_EVENTS:
            return


def _followed(session: Session, chosen: Chosen, end: int) -> Iterator[Recorded[Raw]]:
    """What is appended from now on, by anybody."""
    position = max(end, chosen.after)
    while True:
        page = session.backend.log.page(after=position)
        yield from _taken(session, chosen, page)
        if page:
            position = page[-1].position
        else:
            sys.stdout.flush()
            time.sleep(max(POLL_S, session.backend.poll_s))


def _taken(session: Session, chosen: Chosen, page: list[Stored]) -> Iterator[Recorded[Raw]]:
    for stored in page:
        if not chosen.types or stored.type in chosen.types:
            event = session.codec.peek(stored)  # as stored: an event that no class reads any more is shown too
            if chosen.takes(event):
                yield event


def _chain(first: Iterator[Recorded[Raw]], then: Iterator[Recorded[Raw]]) -> Iterator[Recorded[Raw]]:
    yield from first
    yield from then


def _show(events: Iterator[Recorded[Raw]], lines: _Lines, as_json: bool) -> int:
    shown = 0
    for event in events:
        shown += 1
        if as_json:
            json_line(as_plain(event))
        else:
            lines.show(event)
    return shown


def as_plain(event: Recorded[Raw]) -> dict[str, Any]:
    """An event as JSON has it."""
    return {
        "position": event.position,
        "id": event.id,
        "type": event.type,
        "at": event.at,
        "streams": dict(event.slots),
        "data": event.data,
        "meta": event.meta,
    }


class _Lines:
    """Events in columns that keep their places while lines come one by one."""

    def __init__(self, session: Session, end: int) -> None:
        self._console: Console = screen()
        self._position = len(str(end))
        self._id = 12
        self._type = max((len(name) for name in session.app.schema.types), default=0)

    def show(self, event: Recorded[Raw]) -> None:
        self._id = min(40, max(self._id, len(event.id)))
        meta = event.meta
        who = f" by {clean(meta.actor)}" if meta.actor else ""
        line = styled(
            (f"{event.position:>{self._position}}", "dim"),
            (f"  {moment(event.at)}  ", "dim"),
            (clean(event.id).ljust(self._id), "cyan"),
            "  ",
            (clean(event.type).ljust(self._type), "bold"),
            f"  {brief(decoded(event.data))}",
            (f"  {clean(meta.command or 'append')}{who}", "dim"),
        )
        if self._console.is_terminal:
            self._console.print(line, no_wrap=True, overflow="ellipsis", soft_wrap=False)
        else:
            click.echo(line.plain)


def decoded(data: Raw) -> object:
    """A payload as plain values."""
    return msgspec.json.decode(data)


def _stream(text: str | None) -> str:
    if not text:
        return ""
    text = text.rstrip("/") if text.count("/") == 1 and text.endswith("/") else text
    if "/" in text:
        return str(parse_stream(text))
    check_category(text)
    return text


def _since(text: str | None, now: datetime) -> tuple[int, datetime | None]:
    """`--since` as (after this position, not before this time)."""
    if text is None:
        return 0, None
    if text.isdecimal() and len(text) < 16:
        return max(0, int(text) - 1), None
    if age := _AGE.match(text):
        text = (now - min(now - DAWN, timedelta(**{_UNITS[age.group(2)]: int(age.group(1))}))).isoformat()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text[:80]!r} is no position (120), time (2026-03-01T12:00Z) or age (10m, 2h, 3d).", param_hint="--since"
        ) from None
    return 0, at if at.tzinfo else at.replace(tzinfo=UTC)
