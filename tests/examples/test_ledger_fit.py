"""`leftfold fit --from` on the ledger's own file: what it holds, and what the bank's work would cost a month on AWS."""

import json
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import ledger
import pytest
from click.testing import CliRunner

from leftfold.cli.main import main
from tests.examples import small_bank

Figure = Callable[[str, object], None]

RATE: Final = 50  # commands a second


def fitted(path: Path, *more: str) -> str:
    """What the verb says."""
    place = f"sqlite:{path}"
    arguments = ["fit", "--from", "ledger_app:ledger", "--store", place, "--commands-per-s", str(RATE), *more]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.stdout


def sizes(path: Path) -> list[int]:
    """The bytes of each event's data, without leftfold: the last item of each stored JSON array, written anew."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        bodies = [json.loads(body)[6] for (body,) in file.execute("SELECT body FROM events")]
    file.close()
    return [len(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode()) for one in bodies]


def count(path: Path, sql: str) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        ((found,),) = file.execute(sql)
    file.close()
    return int(found)


def check(path: Path) -> dict[str, Any]:
    """Measured by the verb as counted by hand; and the bills are of that workload. Returns the whole answer."""
    answer: dict[str, Any] = json.loads(fitted(path, "--json"))
    by_hand = sizes(path)
    measured, answers = answer["measured"], answer["answers"]
    assert answers["event_bytes"] == measured["answers"]["event_bytes"] == pytest.approx(sum(by_hand) / len(by_hand))
    assert answers["max_event_kb"] == max(by_hand) / 1000
    assert measured["facts"]["commits"] == count(path, "SELECT count(*) FROM commands") == len(by_hand)
    assert answers["streams"] == count(path, "SELECT count(DISTINCT stream) FROM slots")
    assert (answers["events_per_command"], answers["read_models"]) == (1, 3)
    assert (answers["commands_per_s"], "commands_per_s" in measured["answers"]) == (RATE, False)
    assert any("it looks like an import" in note for note in measured["notes"])
    assert answer["assumed"]["touched_rows"] == measured["assume"]["touched_rows"]
    bill = bill_of(answer, "event-source")
    assert bill["usd"] == pytest.approx(sum(line["usd"] for line in bill["lines"])) == answer["costs"]["event-source"]
    commits = next(line for line in bill["lines"] if line["what"] == "commits" and line["unit"].startswith("write"))
    month_s = 730 * 3600
    assert commits["quantity"] == pytest.approx(RATE * month_s), "each is a write unit: well under a kilobyte"
    return answer


def bill_of(answer: dict[str, Any], alternative: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer["bills"] if one["alternative"] == alternative)
    return found


def largest(bill: dict[str, Any]) -> str:
    lines = sorted(bill["lines"], key=lambda line: -line["usd"])[:3]
    return ", ".join(f"{line['what']} ${line['usd']:,.0f}" for line in lines)


def test_the_small_bank_is_measured_and_priced(tmp_path: Path) -> None:
    folder, path = small_bank.write(tmp_path / "berka"), tmp_path / "ledger.db"
    ledger.run(folder, f"sqlite:{path}", limit=None, verified=False)
    before = sha256(path.read_bytes()).digest()
    answer = check(path)
    assert answer["measured"]["facts"]["events"] == small_bank.APPENDED
    assert answer["answers"]["streams"] == len(small_bank.BALANCES)
    screen = fitted(path)
    assert sha256(path.read_bytes()).digest() == before
    told = f"Measured: {sum(sizes(path)) / small_bank.APPENDED:.3g} bytes an event, 9 commands with events, 2 streams"
    assert told in screen
    drawn = next(line for line in screen.splitlines() if "event-source #" in line)
    assert f"${answer['costs']['event-source']:,.0f}" in drawn
    assert "DynamoDB $" in drawn


def test_of_the_whole_bank(berka_folder: Path, tmp_path: Path, record_property: Figure) -> None:
    path = tmp_path / "ledger.db"
    report = ledger.run(berka_folder, f"sqlite:{path}", limit=None, verified=False)
    answer = check(path)
    facts, bill = answer["measured"]["facts"], bill_of(answer, "event-source")
    assert facts["events"] == facts["events_read"] == report.events
    assert answer["answers"]["streams"] == report.views["balances"].rows
    record_property(
        "figure",
        f"fit --from the ledger: {answer['answers']['event_bytes']:.1f} B an event ({facts['stored_event_bytes']:.0f} B "
        f"stored), {facts['commits']:,.0f} commands, {answer['answers']['streams']:,.0f} streams of "
        f"{facts['stream_events_mean']:.1f} events, the longest {facts['stream_events_most']:.0f}",
    )
    record_property(
        "figure",
        f"fit --from the ledger at {RATE} commands/s, month 12: event-source ${bill['usd']:,.0f} ({largest(bill)}), "
        f"plain ${answer['costs']['plain']:,.0f}; prices as of {answer['prices_as_of']}",
    )
