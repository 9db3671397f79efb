"""The bank end to end on the stand-ins, each function in AWS's own runtime: no event lost, twice in effect, out of order.

HTTP command -> DynamoDB -> stream -> sequencer -> log -> projector, reactor -> query with a receipt; -> publisher ->
EventBridge -> a command of a second app; -> Kinesis -> an inbox, and a projector; -> archiver -> S3 -> read back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from leftfold.connect import open_objects
from leftfold.testing.runtime import LambdaRuntime
from leftfold.testing.sources import Weather, http_event
from tests.flow.judge import judge_archive, judge_causes, judge_club, judge_consumer, judge_store, public
from tests.flow.people import Asked
from tests.flow.plant import Plant, planted
from tests.flow.town import READ, bank_to, club, handled
from tests.testbed.aws import Aws

HERE = Path(__file__).parent
BANK = HERE.parents[1] / "examples" / "bank"

COMMANDS = [
    Asked(key, name, data, f"command-{number}")
    for number, (key, name, data) in enumerate(
        [
            ("ann", "Open", {"owner": "Ann"}),
            ("bob", "Open", {"owner": "Bob"}),
            ("ann", "Deposit", {"amount": 500}),
            ("bob", "Deposit", {"amount": 70}),
            ("ann", "Withdraw", {"amount": 31}),  # nobody's business
            ("ann", "Transfer", {"to": "bob", "amount": 120}),
            ("ann", "Withdraw", {"amount": 40}),
            ("bob", "Transfer", {"to": "ann", "amount": 7}),
        ],
        1,
    )
]


def request(asked: Asked) -> dict[str, Any]:
    notes = {"idempotency-key": asked.id, "traceparent": asked.traceparent, "x-correlation-id": asked.correlation}
    path = f"/commands/account/{asked.key}/{asked.name}"
    return http_event("POST", path, body=json.dumps(asked.data), headers=notes)


def row(function: LambdaRuntime, view: str, key: str, receipt: str) -> Any:
    answer = function.invoke(http_event("GET", f"/views/{view}/{key}", query=f"after={quote(receipt)}"))
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def start(
    lambda_runtime: Callable[..., LambdaRuntime], aws: Aws, tmp_path: Path
) -> Callable[[Plant, str], LambdaRuntime]:
    def started(plant: Plant, name: str) -> LambdaRuntime:
        env = {
            "PYTHONPATH": str(BANK),
            "LEFTFOLD_STORE": aws.url("club" if name == "hear" else "bank"),
            "LEFTFOLD_ARCHIVE": f"s3:{plant.bucket}/bank",
            "BUS": plant.publisher("eventbridge", plant.bus),
            "STREAM": plant.publisher("kinesis", plant.stream),
            "CONSUMER": f"sqlite:{tmp_path}/consumer.db",
        }
        handler = "archiving.archive" if name == "archive" else f"functions.{name}"
        return lambda_runtime(handler, path=HERE, env=env, timeout_s=60, name=name)

    return started


def rows_of(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(READ)]


def test_the_bank_end_to_end(
    aws: Aws,
    tmp_path: Path,
    start: Callable[[Plant, str], LambdaRuntime],
    record_property: Callable[[str, object], None],
) -> None:
    with planted(aws, Weather(seed=1, again=0.3, uneven=0.5)) as plant:
        bank = bank_to(plant.publisher("eventbridge", plant.bus), plant.publisher("kinesis", plant.stream))
        bank.open(aws.url("bank")).close()
        plant.watch_tables("bank")
        names = {"sequence", "react", "publish", "consume", "hear"}
        functions = {name: start(plant, name) for name in names}
        functions |= {view: start(plant, f"project_{view}") for view in ("balances", "owners")}
        commands, queries = start(plant, "handle_commands"), start(plant, "handle_queries")

        receipts = {}
        for asked in COMMANDS:
            answers = [commands.invoke(request(asked)) for _ in range(2)]  # its answer was lost: it is sent again
            assert [answer["statusCode"] for answer in answers] == [200, 200], answers
            first, again = (json.loads(answer["body"]) for answer in answers)
            assert (first["repeated"], again["repeated"]) == (False, True)
            assert first["receipt"] == again["receipt"]
            receipts[asked.key] = first["receipt"]
        assert row(queries, "balances", "ann", receipts["ann"])[0] == 503, "nothing has projected it yet"

        calls = 0
        while made := plant.turn({name: function.invoke for name, function in functions.items()}):
            calls += made
        assert [row(queries, "balances", key, receipts[key])[1]["row"] for key in ("ann", "bob")] == [316, 183]
        assert row(queries, "owners", "Ann", receipts["ann"])[1]["row"] == {"accounts": ["ann"]}

        sealed = start(plant, "archive").invoke({})
        with bank.open(aws.url("bank")) as session, club.open(aws.url("club")) as theirs:
            history = judge_store(session)
            judge_causes(history, {asked.id: (asked.correlation, asked.traceparent) for asked in COMMANDS})
            heard = judge_club(theirs, history)
            consumed = judge_consumer(history, handled(rows_of(tmp_path / "consumer.db")))
            judge_archive(open_objects(f"s3:{plant.bucket}/bank"), session.backend)
    assert sealed["events"] == len(history) == 10
    assert (heard, consumed) == (6, len(public(history))) == (6, 9)
    cold = sum(function.cold_starts for function in (*functions.values(), commands, queries))
    told = (
        f"{len(history)} events, {calls} deliveries, {heard} heard by the club, {consumed} consumed, {cold} cold starts"
    )
    record_property("figure", f"flow on the stand-ins, in AWS's runtime: {told}")
