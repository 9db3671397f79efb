"""`leftfold views APP rebuild VIEW --plan`: what it would take, before anything is built."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from rich.table import Table

from leftfold.archive import Archive
from leftfold.cli.apps import Target
from leftfold.cli.output import clean, count, document, next_steps, show, styled
from leftfold.cli.prices import prices_of
from leftfold.connect import open_objects
from leftfold.fit.costs.prices import Prices
from leftfold.replaying.plan import Plan, Way, plan
from leftfold.replaying.survey import survey
from leftfold.replaying.target import common_end
from leftfold.session import Session

UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def show_plan(
    aim: Target,
    session: Session,
    view: str,
    where: str | None,
    processes: int | None,
    prices: Path | None,
    *,
    as_json: bool,
) -> None:
    """Look at the history, and draw each way to build the view from it."""
    archive = Archive(open_objects(where, option="--from"), session.backend.tenant) if where else None
    if archive is not None:
        common_end(archive, session.backend)  # of another archive a plan would be a guess about nothing
    at_once = processes or os.cpu_count() or 1
    known = prices_of(prices)
    found = plan(survey(session, view, archive), url=aim.url, processes=at_once, prices=known)
    if as_json:
        billed = [known[name] for name in dict.fromkeys(name for way in found.ways for name in way.usd or {})]
        document(
            {
                "view": view,
                "store": found.store,
                "survey": found.survey,
                "ways": [_way(way) for way in found.ways],
                "prices": billed,
            }
        )
        return
    _draw(aim, view, where, found, prices, known)


def _way(way: Way) -> dict[str, object]:
    return {
        "form": way.form,
        "parts": way.parts,
        "reads_bytes": way.reads_bytes,
        "writes": way.writes,
        "time_s": way.time_s,
        "usd": way.usd,
        "total_usd": way.total_usd,
    }


def _draw(aim: Target, view: str, where: str | None, found: Plan, prices: Path | None, known: Prices) -> None:
    at = found.survey
    kept = f" in {count(at.segments, 'segment')}" if at.segments else ""
    what = f"{count(at.events, 'event')}{kept}, {at.taken:,} of its types, about {count(at.rows, 'row')}"
    show(styled((clean(view), "bold"), f": {what}. Nothing was built."))
    show(_table(found))
    why = f"Guessed from {count(at.sampled, 'event')}, folded on this machine."
    billed = {name for way in found.ways for name in way.usd or {}}
    if billed:
        whose = f"{prices}, " if prices else ""
        yours = "" if prices else " (--prices FILE for yours)"
        why += f" Prices: {whose}{known.region}, of {known.as_of(billed)}{yours}."
    show(styled((why, "dim")))
    if found.survey.events:
        next_steps([_next(aim, view, where, way) for way in found.ways])


def _table(found: Plan) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("events", "reads", "writes rows", "time", "price"):
        table.add_column(name, justify="right", no_wrap=True)
    for way in found.ways:
        table.add_row(
            _form(way),
            f"{found.survey.events:,}",
            _bytes(way.reads_bytes),
            f"{way.writes:,}",
            _time(way.time_s),
            "none" if way.total_usd is None else _usd(way.total_usd),
        )
    return table


def _form(way: Way) -> str:
    match way.form:
        case "log":
            return "from the log"
        case "processes":
            return f"by {count(way.parts, 'process', 'processes')} here"
        case "states":
            return f"by a state machine, {count(way.parts, 'part')}"


def _next(aim: Target, view: str, where: str | None, way: Way) -> tuple[str, str]:
    source = f"--from {shlex.quote(where or '')}"
    match way.form:
        case "log":
            return aim.command("views", "rebuild", view), "goes on where it was stopped"
        case "processes":
            return aim.command("replay", view, source, f"--processes {way.parts}"), "begins anew where it was stopped"
        case "states":
            return aim.command(
                "views", "rebuild", view, "--on states:ARN", f"--parts {way.parts}"
            ), "children on Lambda"


def _bytes(size: float) -> str:
    unit = 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {UNITS[unit]}"


def _time(seconds: float) -> str:
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _usd(usd: float) -> str:
    if 0 < usd < 0.0001:  # what four places can't say
        return "under $0.0001"
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}"
