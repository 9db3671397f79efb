"""`leftfold dead`: what was set aside, and how to go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Final

import click
from msgspec import Raw, Struct

from leftfold.cli import exits
from leftfold.cli.apps import Target, target, target_options
from leftfold.cli.log import as_plain, decoded
from leftfold.cli.output import brief, clean, count, document, json_line, moment, next_steps, show, styled, when_stopped
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.ports.checkpoints import DeadKind, DeadLetter
from leftfold.projections.builds import build_version
from leftfold.session import Session

LETTERS: Final = 100_000  # what one call reads: more are counted, not listed
WAITING: Final = 1_000  # letters of one lane that are counted before it says "at least"


class Lane(Struct, frozen=True):
    """A parked lane: the letter that parks it, and how many wait in all."""

    head: DeadLetter
    waiting: int


@click.command(short_help="what was set aside; retry, skip")
@target_options
@click.argument(
    "action", type=click.Choice(["list", "show", "retry", "skip"]), default="list", metavar="[list|show|retry|skip]"
)
@click.argument("subscriber", metavar="[SUBSCRIBER]", required=False)
@click.argument("lane", metavar="[LANE]", required=False)
@click.option("--refused", is_flag=True, help="list: commands of reactions that the domain refused.")
@click.option("--skipped", is_flag=True, help="list: events that were given up, with the reason.")
@click.option("--reason", help="skip: why; it is kept.")
@click.pass_context
def dead(
    ctx: click.Context,
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    action: str,
    subscriber: str | None,
    lane: str | None,
    refused: bool,
    skipped: bool,
    reason: str | None,
) -> None:
    """What was set aside: events that failed, and what waits behind them.

    SUBSCRIBER is a view, a build, a reaction or a destination; LANE is row:KEY or stream:CATEGORY/KEY, as `list` shows them.

    \b
    list   the parked lanes (--refused, --skipped: those)
    show   the events of LANE, and what went wrong
    retry  fold or send them again, in order; without LANE, all lanes (exit code 1 when some still fail)
    skip   give up the event that parks LANE, for a --reason, then retry the rest
    """
    if action in ("show", "skip") and not lane:
        raise click.UsageError(f"{action} needs a SUBSCRIBER and a LANE: `leftfold dead {app} list` shows them.")
    if action == "skip" and not (reason or "").strip():
        raise click.UsageError("skip needs --reason: it is kept with the event for whoever asks later.")
    kind: DeadKind = "refused" if refused else "skipped" if skipped else "poison"
    aim = target(app, store, tenant)
    with aim.open("ro" if action in ("list", "show") else "rw") as session:
        name = _subscriber(session, subscriber) if subscriber else None
        asked = Asked(aim, session, name, lane, kind, reason or "", as_json)
        failing = _ACTIONS[action](asked)
    ctx.exit(exits.FOUND if failing else 0)


class Asked(Struct, frozen=True):
    """One call of the verb."""

    aim: Target
    session: Session
    subscriber: str | None
    lane: str | None
    kind: DeadKind
    reason: str
    as_json: bool


def _subscriber(session: Session, name: str) -> str:
    """A subscriber by its own name, a view's (its live build), or that of what else follows the log."""
    for source in session.sources():
        kind, _, inner = source.partition(":")
        if inner == name and kind in ("reaction", "process", "workflow", "publish"):
            return source
    if name in session.builds and (live := session.builds[name].builds().live):
        return live
    known = session.backend.checkpoints.names()
    if name in known:
        return name
    raise ConfigError(f"no subscriber {name[:200]!r} (those that ever ran: {', '.join(known) or 'none'}).")


def _lanes(asked: Asked) -> list[Lane]:
    backend = asked.session.backend
    parked = sorted({name for name, kind in backend.dead.count() if kind in ("poison", "queued")})
    names = [asked.subscriber] if asked.subscriber else parked
    found: list[Lane] = []
    for name in names:
        for lane in sorted(backend.checkpoints.load(name).parked):
            if asked.lane in (None, lane):
                letters = [
                    one for one in backend.dead.list(name, lane, limit=WAITING) if one.kind in ("poison", "queued")
                ]
                found.append(Lane(letters[0], len(letters)))
    return found


def _list(asked: Asked) -> bool:
    if asked.as_json:
        kinds = (asked.kind, "queued") if asked.kind == "poison" else (asked.kind,)
        for letter in asked.session.operations.dead_letters(asked.subscriber, limit=LETTERS):
            if letter.kind in kinds and asked.lane in (None, letter.lane):
                json_line(letter)
    elif asked.kind == "poison":
        _list_lanes(asked)
    else:
        _list_noted(asked)
    return False


def _list_lanes(asked: Asked) -> None:
    lanes = _lanes(asked)
    for lane in lanes:
        head = lane.head
        more = (
            f", {lane.waiting - 1:,}{'+' if lane.waiting == WAITING else ''} more behind it" if lane.waiting > 1 else ""
        )
        show(
            styled(
                (clean(head.subscriber), "bold"),
                "  ",
                (clean(head.lane), "cyan"),
                f"  position {head.position:,}{more}",
            )
        )
        show(styled((f"    {clean(head.error)}", "red")))
    if not lanes:
        counted = asked.session.backend.dead.count()
        refused = sum(number for (_, kind), number in counted.items() if kind == "refused")
        show(
            styled(
                ("Nothing is parked.", "green"), f" {count(refused, 'refused command')}: --refused" if refused else ""
            )
        )
        return
    one = lanes[0].head
    where = f"{one.subscriber} {shlex.quote(clean(one.lane))}"
    next_steps(
        [
            (asked.aim.command("dead", "show", where), "the events, as stored"),
            (asked.aim.command("dead", "retry"), "after the code was mended"),
            (asked.aim.command("dead", "skip", where, "--reason '...'"), "to give the event up"),
        ]
    )


def _list_noted(asked: Asked) -> None:
    shown = 0
    for letter in asked.session.operations.dead_letters(asked.subscriber, limit=LETTERS):
        if letter.kind == asked.kind:
            shown += 1
            at = moment(letter.at) if letter.at else ""
            show(
                styled(
                    (f"{letter.position:>6}  {at}  ", "dim"),
                    (clean(letter.subscriber), "bold"),
                    "  ",
                    (clean(letter.lane), "cyan"),
                    f"  {clean(letter.error)}",
                )
            )
    show(f"{count(shown, 'letter')} {asked.kind}.")


def _show(asked: Asked) -> bool:
    backend = asked.session.backend
    if _is_foreign(asked.subscriber or ""):
        raise ConfigError(f"{asked.subscriber!r} holds another service's events: its Inbox has them, this log has not.")
    letters = backend.dead.list(asked.subscriber, asked.lane, limit=WAITING)
    if not letters:
        raise ConfigError(f"{asked.subscriber!r} has set nothing aside in lane {(asked.lane or '')[:200]!r}.")
    if asked.as_json:
        document([{"letter": letter, "event": as_plain(event)} for letter, event in _with_events(asked, letters)])
        return False
    for letter, event in _with_events(asked, letters):
        show(
            styled(
                (f"{letter.position:>6}  {moment(event.at)}  ", "dim"),
                (clean(event.id), "cyan"),
                "  ",
                (clean(event.type), "bold"),
                f"  {brief(decoded(event.data))}",
                (f"  {letter.kind}", "dim" if letter.kind == "queued" else "bold red"),
            )
        )
        if letter.error:
            show(styled((f"        {clean(letter.error)}", "red")))
    return False


def _with_events(asked: Asked, letters: list[DeadLetter]) -> Iterator[tuple[DeadLetter, Recorded[Raw]]]:
    for letter in letters:
        (stored,) = asked.session.backend.log.page(after=letter.position - 1, limit=1)
        yield letter, asked.session.codec.peek(stored)


def _retry(asked: Asked) -> bool:
    when_stopped("lanes that are not done stay parked; retry again to go on.")
    lanes = [lane for lane in _lanes(asked) if asked.subscriber or not _is_foreign(lane.head.subscriber)]
    if asked.lane and not lanes:
        raise ConfigError(f"{asked.subscriber!r} has no parked lane {asked.lane[:200]!r}.")
    found: list[tuple[Lane, int]] = []
    for lane in lanes:
        _check_in_code(asked.session, lane.head.subscriber)
        found.append((lane, asked.session.operations.retry(lane.head.subscriber, lane.head.lane)))
    return _say_left(asked, found, "Nothing is parked.")


def _skip(asked: Asked) -> bool:
    subscriber, lane = asked.subscriber or "", asked.lane or ""
    _check_in_code(asked.session, subscriber)
    lanes = _lanes(asked)
    left = asked.session.operations.skip(subscriber, lane, reason=asked.reason)
    return _say_left(asked, [(lanes[0], left)], "")


def _say_left(asked: Asked, found: list[tuple[Lane, int]], nothing: str) -> bool:
    failing = any(left for _, left in found)
    if asked.as_json:
        document(
            [{"subscriber": lane.head.subscriber, "lane": lane.head.lane, "waiting": left} for lane, left in found]
        )
        return failing
    for lane, left in found:
        what = ("still fails, " + count(left, "event") + " waiting", "red") if left else ("is free", "green")
        show(styled((clean(lane.head.subscriber), "bold"), "  ", (clean(lane.head.lane), "cyan"), "  ", what))
    if not found:
        show(nothing)
    elif failing:
        next_steps([(asked.aim.command("dead", "list"), "what went wrong")])
    return failing


def _is_foreign(subscriber: str) -> bool:
    """An inbox's events are another service's: they are not in this log, and their work is not in the app."""
    return subscriber.startswith("inbox:")


def _check_in_code(session: Session, subscriber: str) -> None:
    """Retrying needs the code. Raises ConfigError when it is gone."""
    if _is_foreign(subscriber):
        raise ConfigError(f"{subscriber!r} holds another service's events: retry and skip them by its Inbox.")
    name, _, build = subscriber.partition("@")
    if build and name in session.builds and build_version(subscriber) in session.builds[name].versions:
        return
    if subscriber in session.sources():
        return
    raise ConfigError(
        f"{subscriber!r} is no longer in the code of app {session.app.name!r}: nothing can fold its events."
    )


_ACTIONS: dict[str, Callable[[Asked], bool]] = {"list": _list, "show": _show, "retry": _retry, "skip": _skip}
