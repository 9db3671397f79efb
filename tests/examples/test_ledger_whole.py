"""The real bank's whole ledger: nothing lost, nothing booked twice, the bank's own balances met."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import ledger
import ledger_app
import pytest

from tests.bench import ledger_floor

COMMANDS: Final = 49_102
CUT_LINE: Final = 49_104
ACCOUNTS: Final = 1_229
ACCOUNT_DAYS: Final = 39_960
MISSES: Final = 28  # rows of the last day are missing from the file, which breaks off within it

Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def booked(berka_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ledger.Report]:
    """The ledger after one run, and that run's report. The tests below leave its rows as they are."""
    url = f"sqlite:{tmp_path_factory.mktemp('whole') / 'ledger.db'}"
    return url, ledger.run(berka_folder, url, limit=None, verified=True)


def test_every_row_is_booked_and_only_the_cut_off_one_is_not(
    booked: tuple[str, ledger.Report], berka_folder: Path, tmp_path: Path, record_property: Figure
) -> None:
    _, report = booked
    loaded = report.loaded
    assert (loaded.rows, loaded.handled, loaded.appended, report.events) == (COMMANDS + 1, *[COMMANDS] * 3)
    assert (loaded.repeated, loaded.refused) == (0, [])
    assert [one.line for one in loaded.malformed] == [CUT_LINE]
    assert report.views["balances"].rows == ACCOUNTS
    assert report.views["closing"].rows == ACCOUNT_DAYS

    floor = ledger_floor.measure(berka_folder, tmp_path / "floor.db")
    assert floor["appended"] == loaded.appended
    floor_s = float(str(floor["cpu_s"]))
    record_property(
        "figure",
        f"ledger: {COMMANDS:,} commands in {report.load_s:.2f} s ({report.commands_per_s:,.0f}/s); "
        f"CPU {report.load_cpu_s:.2f} s for the appends, {report.views_cpu_s:.2f} s for the three views; "
        f"the hand-written appends {floor_s:.2f} s: {report.load_cpu_s / floor_s:.1f} x, "
        f"{report.cpu_s / floor_s:.1f} x with the views",
    )


def test_the_banks_own_balances_are_met(booked: tuple[str, ledger.Report], record_property: Figure) -> None:
    verified = booked[1].verified
    assert verified is not None
    assert verified.account_days == ACCOUNT_DAYS
    assert len(verified.misses) <= MISSES
    assert verified.unexplained == []
    record_property(
        "figure", f"ledger: {len(verified.misses)} misses in {verified.account_days:,} account-days of the bank's"
    )


def test_a_second_run_appends_nothing(
    booked: tuple[str, ledger.Report], berka_folder: Path, record_property: Figure
) -> None:
    url, first = booked
    second = ledger.run(berka_folder, url, limit=None, verified=False)
    assert (second.loaded.appended, second.loaded.repeated) == (0, COMMANDS)
    assert (second.events, second.views) == (first.events, first.views)
    record_property("figure", f"ledger, second run: 0 of {COMMANDS:,} appended, in {second.wall_s:.1f} s")


@pytest.mark.parametrize("view", [view.name for view in ledger_app.VIEWS])
def test_a_rebuilt_view_does_not_differ_in_any_row(
    booked: tuple[str, ledger.Report], view: str, record_property: Figure
) -> None:
    url, report = booked
    with ledger_app.ledger.open(url) as session:
        session.operations.rebuild(view)
        assert list(session.operations.diff(view)) == []
        session.operations.promote(view)
        assert session.operations.digest(view) == report.views[view].digest
    record_property("figure", f"ledger, rebuilt {view}: 0 of {report.views[view].rows:,} rows differ")
