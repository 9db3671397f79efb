"""What an inbox takes: envelopes in any wrapping, large data, any name; and what it tells of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leftfold import App
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.codec.aggregation import UserRecord, aggregate
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.views import Sql
from leftfold.inbox import Inbox, Incoming, messages
from leftfold.telemetry.lines import Telemetry
from leftfold.testing import FrozenClock
from tests.inbox.sender import Deposited, Withdrawn, all_of, sent
from tests.lambdas.samples import sample
from tests.testbed.aws import Aws

Figure = Callable[[str, object], None]


class Seen:
    """A receiver's work."""

    def __init__(self) -> None:
        self.events: list[Incoming[Any]] = []

    def __call__(self, event: Incoming[Any]) -> None:
        self.events.append(event)


def in_memory(**options: Any) -> Inbox:
    return Inbox(Memory().open(), name="bank", **options)


def test_bytes_text_an_object_and_an_event_of_eventbridge_are_the_same_message() -> None:
    body, inbox, seen = sent("account/ann", 1), in_memory(), Seen()
    event = {**sample("eventbridge"), "detail": json.loads(body)}
    forms = (body, body.decode(), json.loads(body), event, json.dumps(event), json.dumps(event).encode())
    assert [inbox.take(one, seen).outcome for one in forms] == ["handled", *["repeated"] * 5]
    assert seen.events[0].data == {"cents": 1}  # plain JSON, where no types were named


def test_all_that_the_envelope_says_reaches_the_work() -> None:
    inbox, seen = in_memory(types=Deposited | Withdrawn), Seen()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    inbox.take(sent("account/ann", 1, correlationid="c", causationid="d", traceparent=trace, source="bank/acme"), seen)
    (event,) = seen.events
    assert (event.correlation_id, event.causation_id, event.traceparent) == ("c", "d", trace)
    assert (event.unique_id, event.position, event.type) == ("bank/acme:account/ann@1", 1, "Deposited")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"version": 0}, "version"),
        ({"version": "three"}, "version"),
        ({"version": 2**60}, "version"),
        ({"previous": 1}, "previous"),
        ({"previous": None}, "previous"),
        ({"source": "no uri"}, "source"),
        ({"source": "x" * 600}, "source"),
        ({"id": ""}, "id"),
    ],
)
def test_what_is_no_published_event_is_rejected_by_its_field(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as rejected:
        in_memory().take(json.loads(sent("account/ann", 1)) | more, Seen())
    assert rejected.value.field == field


@pytest.mark.parametrize("message", [None, 7, object, {"detail-type": "x"}, "\ud800", b"\xff", [[]]], ids=repr)
def test_junk_is_rejected(message: object) -> None:
    with pytest.raises(Rejected):
        in_memory().take(message, Seen())


def test_an_aggregated_record_of_kinesis_holds_several_messages() -> None:
    bodies, inbox, seen = all_of("account/ann", [1, 2, 3]), in_memory(), Seen()
    for body in [*messages(aggregate([UserRecord("account/ann", body) for body in bodies[:2]])), *messages(bodies[2])]:
        inbox.take(body, seen)
    assert [event.version for event in seen.events] == [1, 2, 3]


def test_large_data_is_fetched_in_its_turn(tmp_path: Path) -> None:
    claims, data = Folder(tmp_path), msgspec.json.encode({"cents": 2})
    name = f"claims/{hashlib.sha256(data).hexdigest()}.json"
    light = json.loads(sent("account/ann", 2)) | {"dataref": f"s3://bank/{name}"}
    del light["data"]
    inbox, seen = in_memory(types=Deposited, claims=f"file:{tmp_path}"), Seen()
    inbox.take(light, seen)
    claims.put(name, data)
    inbox.take(sent("account/ann", 1), seen)
    assert [event.data for event in seen.events] == [Deposited(1), Deposited(2)]
    light["dataref"] = f"s3://bank/claims/{'0' * 64}.json"
    light["version"], light["previous"] = 3, 2
    assert inbox.take(light, seen).outcome == "parked"
    assert "IntegrityError" in inbox.dead_letters()[0].error
    light["version"], light["previous"] = 2, 1
    without = in_memory()
    without.take(sent("account/ann", 1), seen)
    assert without.take(light, seen).outcome == "parked"
    assert "pass claims=" in without.dead_letters()[0].error


def test_data_that_has_fields_of_an_eventbridge_event_is_data() -> None:
    inbox, seen = in_memory(), Seen()
    data = {"detail-type": "x", "detail": {"specversion": "1.0"}}
    body = sent("account/ann", 1, data=data)
    more = json.loads(sent("account/ann", 2)) | {"detail-type": "x", "detail": {}}
    assert [inbox.take(one, seen).outcome for one in (body, json.dumps(more))] == ["handled", "handled"]
    assert [event.data for event in seen.events] == [data, {"cents": 2}]


@pytest.mark.parametrize("name", ["", "..", "\0", "x" * 5000, f"{'0' * 64}.json/..", f"{'A' * 64}.json"], ids=repr)
def test_a_dataref_that_names_no_claim_parks_its_stream_and_asks_no_store(tmp_path: Path, name: str) -> None:
    light = json.loads(sent("account/ann", 1)) | {"dataref": f"s3://bank/claims/{name}"}
    inbox = in_memory(claims=f"file:{tmp_path}")
    assert inbox.take(light, Seen()).outcome == "parked"
    assert inbox.dead_letters()[0].error == "IntegrityError: its dataref names no object of a leftfold sender."


def test_long_and_strange_names_are_kept_apart() -> None:
    inbox, seen = in_memory(), Seen()
    streams = [
        "account/" + "x" * 1000,
        "account/" + "x" * 1001,
        "account/a b|c",
        "account/a b|c|0000000000000001",
        "é/\x7f",
    ]
    for stream in streams:
        for body in reversed(all_of(stream, [1, 2])):
            inbox.take(body, seen)
    assert [(event.stream, event.version) for event in seen.events] == [(s, v) for s in streams for v in (1, 2)]


def test_it_is_told_what_became_of_messages(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    telemetry = Telemetry(lambda line: lines.append(json.loads(line)), app="billing")
    clock = FrozenClock()
    inbox = Inbox(Memory(clock).open(), name="bank", types=Deposited, telemetry=telemetry, aside=f"file:{tmp_path}")
    one, two, three = all_of("account/ann", [1, 2, 3])
    for body in (one, one, three, b"junk"):
        inbox.take(body, Seen())
    clock.forward(60)
    inbox.overdue(Seen())
    inbox.take(two, Seen())
    inbox.take(sent("account/bob", 1, type="Closed"), Seen())
    inbox.take(sent("account/bob", 2), lambda event: 1 / 0)
    counted = {
        name: value for line in lines if "_aws" in line for name, value in line.items() if name.startswith("inbox")
    }
    told = ("gaps", "handled", "late", "parked", "repeated", "skipped", "waiting")
    assert counted == {f"inbox_{name}": 1 for name in told}
    assert sum(line.get("inbox_handled", 0) for line in lines) == 2
    (warning,) = [line for line in lines if line.get("level") == "warning"]
    assert (warning["what"], warning["subscriber"]) == ("went on without a missing event", "inbox:bank")


def test_a_shared_store_keeps_inboxes_apart_and_an_app_beside_them(tmp_path: Path) -> None:
    backend, seen = open_sqlite(tmp_path / "billing.db"), Seen()
    bank, shop = (Inbox(backend, name=name) for name in ("bank", "shop"))
    assert [inbox.take(sent("account/ann", 1), seen).outcome for inbox in (bank, shop)] == ["handled", "handled"]
    bank.take(sent("account/ann", 2), lambda event: 1 / 0)
    assert (len(bank.dead_letters()), len(shop.dead_letters())) == (1, 0)
    with App("billing").open(backend) as session:
        assert [letter.kind for letter in session.operations.dead_letters()] == ["poison"]


def put_down(event: Incoming[Deposited], sql: Sql) -> None:
    sql.execute("INSERT INTO paid VALUES (?)", (event.data.cents,))
    if event.data.cents == 13:
        raise ValueError("unlucky")


SCHEMA = ("CREATE TABLE IF NOT EXISTS paid (cents INTEGER)",)


def test_work_in_sql_and_its_mark_are_one_transaction(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'billing.db'}"
    with Inbox(url, name="bank", types=Deposited, schema=SCHEMA) as inbox:
        for version in (2, 1, 13, 14):
            inbox.take(sent("account/ann", version, 2 if version == 13 else None), put_down)
        assert inbox.query("SELECT cents FROM paid") == [{"cents": 1}, {"cents": 2}]
        (letter,) = inbox.dead_letters()
        assert (letter.version, letter.error) == (13, "ValueError: unlucky")
    with Inbox(url, name="bank", types=Deposited, schema=SCHEMA) as inbox:
        assert inbox.skip(letter, put_down, reason="unlucky").handled == 1
        assert inbox.query("SELECT sum(cents) AS cents FROM paid") == [{"cents": 17}]


def test_two_inboxes_on_one_file_do_the_work_once(tmp_path: Path) -> None:
    """The first is stopped in its work, and the second does all of it meanwhile: what the first wrote is undone."""
    url = f"sqlite:{tmp_path / 'billing.db'}"
    with (
        Inbox(url, name="bank", types=Deposited, schema=SCHEMA) as slow,
        Inbox(url, name="bank", types=Deposited) as fast,
    ):
        load = slow.backend.checkpoints.load

        def late(subscriber: str) -> Any:
            progress = load(subscriber)
            if not taken:
                taken.append(fast.take(sent("account/ann", 1), put_down))
            return progress

        taken: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slow.backend.checkpoints, "load", late)
            assert slow.take(sent("account/ann", 1), put_down).outcome == "repeated"
        assert taken[0].outcome == "handled"
        assert fast.query("SELECT count(*) AS n FROM paid") == [{"n": 1}]


class Bookkeeper:
    def __init__(self) -> None:
        self.given: list[tuple[object, ...]] = []

    def one(self, event: Incoming[Any], also: str = "") -> None:
        self.given.append((event.version, also))

    def both(self, event: Incoming[Any], sql: Sql) -> None:
        self.given.append((event.version, sql.execute("SELECT 7")))

    def __call__(self, event: Incoming[Any], sql: Sql) -> None:
        self.both(event, sql)


def test_sql_is_for_work_that_asks_for_it(tmp_path: Path) -> None:
    keeper, plain = Bookkeeper(), list[Any]()
    with Inbox(f"sqlite:{tmp_path / 'billing.db'}", name="bank") as inbox:
        works: tuple[Any, ...] = (keeper.one, keeper.both, keeper, plain.append)
        for version, handle in enumerate(works, 1):
            assert inbox.take(sent("account/ann", version), handle).outcome == "handled"
    assert keeper.given == [(1, ""), (2, [(7,)]), (3, [(7,)])]
    assert [event.version for event in plain] == [4]


def test_without_sql_a_second_parameter_is_refused() -> None:
    with pytest.raises(ConfigError, match="speaks no SQL"):
        in_memory().take(sent("account/ann", 1), put_down)
    with pytest.raises(ConfigError, match="speaks no SQL"):
        in_memory(schema=SCHEMA)


def test_a_name_and_types_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="inbox 'No Name'"):
        Inbox(Memory().open(), name="No Name")
    with pytest.raises(ConfigError, match="types"):
        in_memory(types={"deposited": print})


def test_an_event_in_its_turn_costs_one_write_on_dynamodb(aws: Aws, record_property: Figure) -> None:
    backend = open_dynamodb("billing", prefix=aws.prefix, create=True, client=aws.client("dynamodb"))
    inbox, seen = Inbox(backend, name="bank", types=Deposited), Seen()
    bodies = all_of("account/ann", list(range(1, 12)))
    inbox.take(bodies[0], seen)
    mark = aws.calls.mark()
    for body in bodies[1:]:
        inbox.take(body, seen)
    asked = aws.calls.since(mark)
    assert asked.count == {"GetItem": 10, "Query": 10, "UpdateItem": 10}
    assert (asked.write_units, asked.read_units) == (10, 20)
    early = aws.calls.mark()
    for body in reversed(all_of("account/bob", [1, 2])):
        inbox.take(body, seen)
    late = aws.calls.since(early)
    record_property(
        "figure",
        f"inbox on DynamoDB: {asked.write_units / 10:g} write and {asked.read_units / 10:g} read units an event in its "
        f"turn; {late.write_units:g} and {late.read_units:g} for two that come the wrong way round",
    )
