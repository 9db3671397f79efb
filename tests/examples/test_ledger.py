"""The ledger program on a small bank: every row answered, nothing booked twice, the bank's own balances met."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import berka
import ledger
import ledger_account
import ledger_app
import pytest
from ledger_account import Command
from ledger_app import balances, closing
from ledger_load import Accounts, load
from ledger_verify import Miss

from tests.examples import small_bank


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_bank.write(tmp_path / "berka")


def ran(folder: Path, url: str, *, limit: int | None = None, verified: bool = False) -> ledger.Report:
    return ledger.run(folder, url, limit=limit, verified=verified)


def test_every_row_is_booked_refused_or_malformed_on_every_store(folder: Path, every_store: str) -> None:
    report = ran(folder, every_store)
    assert report.loaded.rows == small_bank.ROWS
    assert report.loaded.appended == report.events == small_bank.APPENDED
    assert {one.line: one.reason for one in report.loaded.refused} == small_bank.REFUSED
    assert {one.line: one.reason for one in report.loaded.malformed} == small_bank.MALFORMED
    assert report.loaded.handled == small_bank.ROWS - len(small_bank.MALFORMED)


def test_the_views_have_what_the_bank_printed(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    ran(folder, url)
    with ledger_app.ledger.open(url) as session:
        assert dict(session.view(balances).scan()) == small_bank.BALANCES
        assert dict(session.view(closing).scan()) == small_bank.CLOSINGS
        assert session.category(ledger_account).state("1").balance == small_bank.BALANCES["1"]


def test_both_stores_end_with_the_same_views(folder: Path, tmp_path: Path) -> None:
    assert ran(folder, "memory:").views == ran(folder, f"sqlite:{tmp_path / 'ledger.db'}").views


def test_a_second_run_appends_nothing_and_refuses_the_same(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    first, second = ran(folder, url), ran(folder, url)
    assert (second.loaded.appended, second.loaded.repeated) == (0, small_bank.APPENDED)
    assert second.loaded.refused == first.loaded.refused
    assert (second.events, second.views) == (first.events, first.views)


@pytest.mark.parametrize("limit", range(small_bank.ROWS + 2))
def test_a_run_of_some_rows_ends_with_a_day_and_is_gone_on_with(folder: Path, tmp_path: Path, limit: int) -> None:
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    first = ran(folder, url, limit=limit)
    rest = ran(folder, url)
    assert first.loaded.rows == next((end for end in (0, *small_bank.DAY_ENDS) if end >= limit), small_bank.ROWS)
    assert first.loaded.appended + rest.loaded.appended == small_bank.APPENDED
    assert rest.views == ran(folder, "memory:").views


def test_what_was_declined_once_stays_declined(tmp_path: Path) -> None:
    """The second run comes when the account could afford it."""
    rich = '120;1;930301;"PRIJEM";"VKLAD";9000.00;9950.00;"";;\n'
    folder, url = (
        small_bank.write(tmp_path / "berka", whole(small_bank.TRANSACTIONS, 6) + rich),
        f"sqlite:{tmp_path}/l.db",
    )
    first, second = ran(folder, url), ran(folder, url)
    assert [one.reason for one in first.loaded.refused] == ["over the overdraft of 6,000.00"]
    assert second.loaded.refused == first.loaded.refused
    assert (second.loaded.appended, second.views) == (0, first.views)


def test_a_loader_that_forgets_the_ids_is_caught(folder: Path, tmp_path: Path) -> None:
    """The planted fault: commands without the bank's transaction numbers."""
    url = f"sqlite:{tmp_path / 'ledger.db'}"
    expected = ran(folder, url)
    with ledger_app.ledger.open(url) as session:
        accounts = cast(Accounts, Forgetful(session.category(ledger_account)))
        loaded = load(berka.Transactions(folder), accounts, berka.accounts(folder), lambda _: None)
        session.catch_up()
        assert loaded.appended > 0
        assert ledger.digests(session) != expected.views


def test_verify_meets_the_banks_balances(folder: Path) -> None:
    found = ran(folder, "memory:", verified=True).verified
    assert found is not None
    assert found.cut_day == "1993-02-01"
    refused_overdraft = Miss("1", "1993-01-06", -200_00)  # the bank let it through, in these made-up rows
    assert found.misses[0] == refused_overdraft
    assert found.unexplained[0] == refused_overdraft


@pytest.mark.parametrize(
    ("printed", "misprinted", "difference"),
    [
        ('"VKLAD";50.00;150.00;', '"VKLAD";50.00;151.01;', 1_01),
        ('"VKLAD";50.00;150.00;', '"VKLAD";50.00;148.99;', -1_01),
    ],
)
def test_verify_finds_a_balance_that_is_off_by_more_than_a_koruna(
    tmp_path: Path, printed: str, misprinted: str, difference: int
) -> None:
    right = whole(small_bank.TRANSACTIONS)
    assert misses(tmp_path, right) == []
    assert misses(tmp_path, right.replace(printed, misprinted)) == [Miss("2", "1993-02-01", difference)]


@pytest.mark.parametrize("misprinted", ['"VKLAD";50.00;151.00;', '"VKLAD";50.00;149.00;'])
def test_verify_lets_the_bank_round(tmp_path: Path, misprinted: str) -> None:
    assert misses(tmp_path, whole(small_bank.TRANSACTIONS).replace('"VKLAD";50.00;150.00;', misprinted)) == []


def test_verify_finds_a_row_that_is_missing(tmp_path: Path) -> None:
    lines = whole(small_bank.TRANSACTIONS).splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith("104;"))
    assert [(miss.account, miss.difference) for miss in misses(tmp_path, without)] == [("1", -6600_00)]


def test_the_exit_status_says_what_happened(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.main([f"{folder}", "memory:"]) == 0
    assert ledger.main([f"{folder}", "memory:", "--verify"]) == 1
    small_bank.write(folder, whole(small_bank.TRANSACTIONS))
    assert ledger.main([f"{folder}", "memory:", "--verify"]) == 0
    assert ledger.main([f"{tmp_path}", "memory:"]) == 2
    assert ledger.main([f"{folder}", f"{tmp_path / 'nowhere' / 'ledger.db'}"]) == 2
    assert ledger.main([f"{folder}", f"{folder / 'trans.asc'}"]) == 2
    for wrong in (
        [],
        [f"{folder}"],
        [f"{folder}", "memory:", "--limit", "-1"],
        [f"{folder}", "memory:", "--limit", "x"],
    ):
        with pytest.raises(SystemExit) as usage:
            ledger.main(wrong)
        assert usage.value.code == 2
    told = capsys.readouterr().err
    assert "neither trans.asc nor trans.asc.gz" in told
    assert "Traceback" not in told


def test_the_summary_tells_people_and_programs_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.main([f"{folder}", "memory:", "--verify"])
    people = capsys.readouterr()
    assert "line 19: 4 of 10 columns" in people.out
    assert "line 6: over the overdraft of 6,000.00" in people.out
    assert f"{small_bank.APPENDED} appended" in people.out
    assert "account 1 on 1993-01-06: -200.00" in people.out
    assert people.err == ""  # no progress where nobody is watching
    ledger.main([f"{folder}", "memory:", "--verify", "--json"])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["loaded"]["appended"] == small_bank.APPENDED
    assert report["verified"]["misses"][0] == {"account": "1", "day": "1993-01-06", "difference": -200_00}
    for name, view in report["views"].items():
        assert f"view {name}" in people.out
        assert view["digest"][:16] in people.out


def whole(transactions: str, *kept: int) -> str:
    """Without the lines that are refused or malformed, but for the `kept` ones."""
    wrong = (small_bank.REFUSED.keys() | small_bank.MALFORMED.keys()) - set(kept)
    lines = transactions.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines, 1) if number not in wrong)


def misses(tmp_path: Path, transactions: str) -> list[Miss]:
    found = ran(small_bank.write(tmp_path / "berka", transactions), "memory:", verified=True).verified
    assert found is not None
    return found.misses


class Forgetful:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def handle_many(self, commands: Iterable[tuple[str, Command, str | None]]) -> Iterator[object]:
        return self._accounts.handle_many((key, command, None) for key, command, _ in commands)
