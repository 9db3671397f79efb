"""The real bank's whole ledger: nothing lost, nothing booked twice, the bank's own balances met."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import ledger
import ledger_app

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.connect import connect
from leftfold.copying import compare, copy
from tests.bench import ledger_floor

COMMANDS: Final = 49_102
CUT_LINE: Final = 49_104
ACCOUNTS: Final = 1_229
ACCOUNT_DAYS: Final = 39_960
MISSES: Final = 28  # rows of the last day are missing from the file, which breaks off within it

Figure = Callable[[str, object], None]


def test_the_whole_ledger_is_booked_once_and_meets_the_banks_balances(
    berka_folder: Path, tmp_path: Path, record_property: Figure
) -> None:
    """One test, because its parts share the one long run."""
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    report = ledger.run(berka_folder, url, limit=None, verified=True)
    only_the_cut_off_row_is_missing(report)
    the_banks_balances_are_met(report, record_property)
    compare_with_the_floor(report, ledger_floor.measure(berka_folder, tmp_path / "floor.db"), record_property)
    a_second_run_appends_nothing(report, ledger.run(berka_folder, url, limit=None, verified=False), record_property)
    with ledger_app.ledger.open(url) as session:
        for view in ledger_app.VIEWS:
            a_rebuilt_view_is_the_same(session, view.name, report.views[view.name], record_property)
    it_comes_back_from_its_archive_alone(tmp_path, report, record_property)


def only_the_cut_off_row_is_missing(report: ledger.Report) -> None:
    loaded = report.loaded
    assert (loaded.rows, loaded.handled, loaded.appended, report.events) == (COMMANDS + 1, *[COMMANDS] * 3)
    assert (loaded.repeated, loaded.refused) == (0, [])
    assert [one.line for one in loaded.malformed] == [CUT_LINE]
    assert report.views["balances"].rows == ACCOUNTS
    assert report.views["closing"].rows == ACCOUNT_DAYS


def the_banks_balances_are_met(report: ledger.Report, record_property: Figure) -> None:
    verified = report.verified
    assert verified is not None
    assert verified.account_days == ACCOUNT_DAYS
    assert len(verified.misses) <= MISSES
    assert verified.unexplained == []
    record_property(
        "figure", f"ledger: {len(verified.misses)} misses in {verified.account_days:,} account-days of the bank's"
    )


def compare_with_the_floor(report: ledger.Report, floor: dict[str, object], record_property: Figure) -> None:
    assert floor["appended"] == report.loaded.appended
    floor_s = float(str(floor["cpu_s"]))
    record_property(
        "figure",
        f"ledger: {COMMANDS:,} commands in {report.load_s:.2f} s ({report.commands_per_s:,.0f}/s); "
        f"CPU {report.load_cpu_s:.2f} s for the appends, {report.views_cpu_s:.2f} s for the three views; "
        f"the hand-written appends {floor_s:.2f} s: {report.load_cpu_s / floor_s:.1f} x, "
        f"{report.cpu_s / floor_s:.1f} x with the views",
    )


def a_second_run_appends_nothing(first: ledger.Report, second: ledger.Report, record_property: Figure) -> None:
    assert (second.loaded.appended, second.loaded.repeated) == (0, COMMANDS)
    assert (second.events, second.views) == (first.events, first.views)
    record_property("figure", f"ledger, second run: 0 of {COMMANDS:,} appended, in {second.wall_s:.1f} s")


def a_rebuilt_view_is_the_same(session: Session, view: str, before: ledger.ViewReport, record_property: Figure) -> None:
    session.operations.rebuild(view)
    assert list(session.operations.diff(view)) == []
    session.operations.promote(view)
    assert session.operations.digest(view) == before.digest
    record_property("figure", f"ledger, rebuilt {view}: 0 of {before.rows:,} rows differ")


def it_comes_back_from_its_archive_alone(tmp_path: Path, before: ledger.Report, record_property: Figure) -> None:
    path, folder = tmp_path / "ledger.db", Folder(tmp_path / "archive")
    with closing(connect(f"sqlite:{path}?mode=ro")) as store:
        began = time.process_time()
        sealed = Archiver(store, folder).seal(force=True)
        sealing_s = time.process_time() - began
        history = compare(Archive(folder), store)
    assert (sealed.events, history.equal) == (COMMANDS, True)
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    with closing(connect(f"sqlite:{path}")) as store:
        began = time.process_time()
        copy(Archive(folder), store)
        restoring_s = time.process_time() - began
    with closing(connect(f"sqlite:{path}")) as store:
        restored = compare(Archive(folder), store)
    assert restored == history
    with ledger_app.ledger.open(f"sqlite:{path}") as session:
        session.catch_up()
        digests = {view.name: session.operations.digest(view.name) for view in ledger_app.VIEWS}
    assert digests == {name: view.digest for name, view in before.views.items()}
    record_property(
        "figure",
        f"ledger, archived, deleted and restored: {COMMANDS:,} events byte-identical (SHA-256 {restored.digest[:16]}...), "
        f"equal digests of {len(digests)} views; {sum(sealed.sizes) / COMMANDS:.0f} B an event in {len(sealed.sizes)} "
        f"segments; CPU {sealing_s * 1e6 / COMMANDS:.1f} us an event sealed, {restoring_s * 1e6 / COMMANDS:.1f} us restored",
    )
