"""Reading the bank's files: exact amounts, and every line that is no row told with its number."""

import gzip
from pathlib import Path

import berka
import pytest
from berka import Malformed, NotBerka, Row, Transactions, hundredths, iso

from tests.examples import small_bank


@pytest.mark.parametrize(
    ("text", "expected"), [("700.00", 70000), ("18.9", 1890), ("0.05", 5), ("12", 1200), ("-2994.60", -299460)]
)
def test_amounts_are_exact(text: str, expected: int) -> None:
    assert hundredths(text) == expected


@pytest.mark.parametrize("text", ["", "1.234", "1e3", "nan", "١٢", "5,00", "+1", "--1", "1.", " 1", "1\n", "9" * 5000])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        hundredths(text)


def test_a_day_is_a_day() -> None:
    assert iso("930131") == "1993-01-31"
    for text in ("930231", "93013", "9301311", "", "93-1-1", "\uff19\uff13\uff10\uff11\uff13\uff11"):
        with pytest.raises(ValueError, match="day"):
            iso(text)


def test_every_line_is_a_row_or_told_with_its_number_and_reason(tmp_path: Path) -> None:
    found = list(Transactions(small_bank.write(tmp_path)))
    assert [one.line for one in found] == list(range(2, 2 + small_bank.ROWS))
    told = {one.line: one.reason for one in found if isinstance(one, Malformed)}
    assert told == small_bank.MALFORMED
    assert found[9] == Row(
        line=11,
        id="110",
        account="2",
        day="1993-01-31",
        is_credit=False,
        operation="PREVOD NA UCET",
        amount=50,
        balance=10000,
        symbol="SIPO",
        bank="AB",
        partner="4711",
    )


def test_a_gzipped_folder_reads_the_same(tmp_path: Path) -> None:
    plain = list(Transactions(small_bank.write(tmp_path)))
    for name in ("trans.asc", "account.asc"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / name).unlink()
    assert list(Transactions(tmp_path)) == plain
    assert berka.accounts(tmp_path) == {"1": "1993-01-01", "2": "1993-01-02", "3": "1993-02-10"}


def test_a_gzip_file_that_breaks_off_loses_nothing_before_the_break(tmp_path: Path) -> None:
    header, row = small_bank.TRANSACTIONS.splitlines()[:2]
    rows = [row.replace("101", f"{n}", 1) for n in range(50_000)]
    packed = gzip.compress("\n".join([header, *rows, ""]).encode())
    small_bank.write(tmp_path)
    (tmp_path / "trans.asc.gz").write_bytes(packed[: len(packed) // 2])
    found = list(Transactions(tmp_path))
    assert isinstance(found[-1], Malformed)
    assert "can't be unpacked" in found[-1].reason
    whole = [one for one in found if isinstance(one, Row)]
    assert 10_000 < len(whole) < 50_000
    assert [one.id for one in whole] == [f"{n}" for n in range(len(whole))]
    assert found[-1].line == len(whole) + 2


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotBerka, match=r"neither trans\.asc nor trans\.asc\.gz"):
        Transactions(tmp_path)
    small_bank.write(tmp_path, "a;b\n1;2\n")
    with pytest.raises(NotBerka, match="begins with"):
        list(Transactions(tmp_path))


def test_progress_ends_at_the_end(tmp_path: Path) -> None:
    rows = Transactions(small_bank.write(tmp_path))
    assert rows.done == 0
    assert list(rows)
    assert rows.done == 1
