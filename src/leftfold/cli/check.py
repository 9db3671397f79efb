"""`leftfold check`: what the checker found, in words, for CI by its exit code."""

from __future__ import annotations

from typing import Final

import click
import msgspec

from leftfold.check import Finding, Level, check as check_session
from leftfold.cli import exits
from leftfold.cli.apps import target, target_options
from leftfold.cli.output import addressed, clean, count, document, progress, show, styled, when_stopped

_COLOURS: Final[dict[Level, str]] = {"error": "bold red", "warning": "bold yellow", "note": "cyan"}


@click.command(short_help="stored history against today's code")
@target_options
@click.option("--strict", is_flag=True, help="A warning counts as an error does.")
@click.pass_context
def check(ctx: click.Context, app: str, store: str | None, tenant: str | None, as_json: bool, strict: bool) -> None:
    """Stored history against today's code; changes nothing. Exit code 1 when there is an error.

    Looks for stored types that the code does not know, events that no longer fit their class, clocks and chance in
    folds, views whose code changed under an old version, parked lanes, renamed reactions, states that can be changed in
    place, and events and handlers that never meet.
    """
    aim = target(app, store, tenant)
    when_stopped("nothing was changed; the check starts again from the first event.")
    with aim.open("ro") as session, progress("reading history", quiet=as_json) as advance:
        found = check_session(session, advance)
        end = session.backend.log.end()
    found = [msgspec.structs.replace(one, message=addressed(clean(one.message))) for one in found]
    if as_json:
        document(found)
    else:
        for one in found:
            _show(one)
        kinds = {level: sum(one.level == level for one in found) for level in _COLOURS}
        told = ", ".join(count(number, level) for level, number in kinds.items() if number)
        fine = "bold" if kinds["error"] or kinds["warning"] else "bold green"
        show(styled((f"{told or 'Nothing found'}", fine), f" in {count(end, 'event')} and today's code."))
    counted: tuple[Level, ...] = ("error", "warning") if strict else ("error",)
    ctx.exit(exits.FOUND if any(one.level in counted for one in found) else 0)


def _show(one: Finding) -> None:
    where = ""
    if one.positions:
        more = one.count - len(one.positions)
        where = f"  [position {', '.join(map(str, one.positions))}{f' and {more:,} more' if more else ''}]"
    show(styled((f"{one.level:<7} ", _COLOURS[one.level]), one.message, (f"{where}  {one.code}", "dim")))
