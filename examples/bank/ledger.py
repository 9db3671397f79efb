"""A real bank's ledger, booked: python ledger.py DIR DB [--verify] [--limit N] [--json]

DIR holds the PKDD'99 "Berka" files trans.asc and account.asc, plain or .gz. DB is a path (made when it is missing) or a
URL. Each row becomes a command whose id is the bank's own transaction number, so the program may be stopped at any
moment, even killed, and run again: it goes on where it was, and books nothing twice.

Exit codes:
  0  all rows were read; malformed and refused ones are reported, and stop nobody
  1  --verify found a balance that differs from the bank's, on a day that the file has in full
  2  wrong usage; or the folder, or the database, can't be used
  130  stopped by Ctrl-C
"""

import argparse
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import berka
import ledger_account
import msgspec
from ledger_app import VIEWS, closing, ledger
from ledger_load import Loaded, Trouble, load
from ledger_verify import Verified, verify
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from leftfold import LeftfoldError, Session

SHOWN: Final = 40  # of a long list, so many are printed; --json has them all


class ViewReport(Struct):
    """`digest` is SHA-256 over all rows: equal views have equal digests."""

    rows: int
    digest: str


class Report(Struct):
    """What a run did. Seconds of CPU are the whole process's."""

    loaded: Loaded
    events: int
    views: dict[str, ViewReport]
    load_s: float
    views_s: float
    wall_s: float
    cpu_s: float
    load_cpu_s: float
    views_cpu_s: float
    commands_per_s: float
    verified: Verified | None = None


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    url = options.db if options.db.startswith(("sqlite:", "memory:", "dynamodb:")) else f"sqlite:{options.db}"
    try:
        report = run(Path(options.folder), url, limit=options.limit, verified=options.verify)
    except (berka.NotBerka, LeftfoldError, OSError) as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ledger: stopped; run it again to go on.", file=sys.stderr)
        return 130
    print(msgspec.json.encode(report).decode() if options.json else told(report))
    return 1 if report.verified and report.verified.unexplained else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("ledger.py", description=__doc__, formatter_class=raw)
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("db", metavar="DB")
    parser.add_argument("--verify", action="store_true", help="compare with the balances that the bank printed")
    parser.add_argument("--limit", type=int, metavar="N", help="read the first N rows, and those to the end of their day")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 0:
        parser.error("--limit is a number of rows")
    return options


def run(folder: Path, url: str, *, limit: int | None, verified: bool) -> Report:
    rows, register = berka.Transactions(folder), berka.accounts(folder)
    with ledger.open(url) as session:
        start = Clock()
        with progress("booking rows") as say:
            accounts = session.category(ledger_account)
            loaded = load(berka.whole_days(rows, limit), accounts, register, lambda _: say(rows.done))
        booked = Clock()
        with progress("folding views"):
            session.catch_up()
        end = Clock()
        return Report(
            loaded=loaded,
            events=session.backend.log.end(),
            views=digests(session),
            load_s=booked.wall - start.wall,
            views_s=end.wall - booked.wall,
            wall_s=end.wall - start.wall,
            cpu_s=end.cpu - start.cpu,
            load_cpu_s=booked.cpu - start.cpu,
            views_cpu_s=end.cpu - booked.cpu,
            commands_per_s=loaded.handled / (booked.wall - start.wall),
            verified=checked(session, berka.whole_days(berka.Transactions(folder), limit)) if verified else None,
        )


def checked(session: Session, rows: Iterable[berka.Row | berka.Malformed]) -> Verified:
    return verify(rows, dict(session.view(closing).scan()))


def digests(session: Session) -> dict[str, ViewReport]:
    return {
        view.name: ViewReport(sum(1 for _ in session.view(view).scan()), session.operations.digest(view.name))
        for view in VIEWS
    }


def told(report: Report) -> str:
    """The report for people."""
    loaded = report.loaded
    lines = [
        ("rows read", f"{loaded.rows:,}"),
        ("commands", f"{loaded.handled:,} handled: {loaded.appended:,} appended, {loaded.repeated:,} repeated, "
                     f"{len(loaded.refused):,} refused"),
        *(("  refused", text) for text in some(loaded.refused)),
        ("malformed", f"{len(loaded.malformed):,}"),
        *(("  malformed", text) for text in some(loaded.malformed)),
        ("events", f"{report.events:,} in the log"),
        *((f"view {name}", f"{view.rows:,} rows, digest {view.digest[:16]}") for name, view in report.views.items()),
        ("booking", f"{report.load_s:.1f} s ({report.load_cpu_s:.1f} s CPU), {report.commands_per_s:,.0f} commands/s"),
        ("views", f"{report.views_s:.1f} s ({report.views_cpu_s:.1f} s CPU)"),
        ("in all", f"{report.wall_s:.1f} s ({report.cpu_s:.1f} s CPU)"),
        *verdict(report.verified),
    ]
    return "\n".join(f"{name:<16}{text}" for name, text in lines)


def verdict(verified: Verified | None) -> list[tuple[str, str]]:
    if verified is None:
        return []
    cut, misses = verified.cut_day, verified.misses
    on_cut_day = f", {len(misses) - len(verified.unexplained):,} of them on {cut}, where the file breaks off" if cut else ""
    return [
        ("verified", f"{verified.account_days:,} account-days, {len(misses):,} misses{on_cut_day}"),
        *(("  miss", f"account {miss.account} on {miss.day}: {miss.difference / 100:+,.2f}") for miss in misses[:SHOWN]),
        *([("", f"and {len(misses) - SHOWN:,} more: see --json")] if len(misses) > SHOWN else []),
    ]


def some(troubles: list[Trouble]) -> list[str]:
    more = [f"and {len(troubles) - SHOWN:,} more: see --json"] if len(troubles) > SHOWN else []
    return [*(f"line {trouble.line}: {trouble.reason}" for trouble in troubles[:SHOWN]), *more]


class Clock:
    """A moment, by the wall and by this process's CPU."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()


@contextmanager
def progress(what: str) -> Generator[Callable[[float], None]]:
    """A bar on stderr, where that is a terminal; call it with how much is done, 0 to 1."""
    console = Console(stderr=True)
    columns = TextColumn(f"{what:<14}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done, total=1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
