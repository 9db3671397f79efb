"""The envelope: the exact bytes of a stored event. What is pinned here is the format on disk, for ever."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, IntegrityError, NotEncodable, Recorded, UnknownType, stream
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.codec.envelope import Codec
from leftfold.core.events import Metadata, Stored, Unknown
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from leftfold.testing.sample import Deposit, Open, account, bank
from tests.unit.enrolment import Enrol, enrolment


class Colour(Enum):
    RED = "red"


class Part(Struct, frozen=True):
    name: str
    weight: float | None = None


class Round(Struct, frozen=True, tag="round"):
    radius: int


class Box(Struct, frozen=True, tag="box"):
    sides: tuple[int, int]


class Painted(Struct, frozen=True):
    colour: Colour
    price: Decimal
    at: datetime
    id: UUID
    parts: list[Part]
    shape: Round | Box
    note: str | None = None


@dataclass(frozen=True)
class Priced:
    cents: int
    names: tuple[str, ...] = ()


PAINTED = Painted(
    Colour.RED,
    Decimal("1.10"),
    datetime(2026, 1, 2, tzinfo=UTC),
    UUID(int=7),
    [Part("lid"), Part("é", 0.5)],
    Box((1, 2)),
)
AT = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=UTC)
SLOTS = (("account/ann", 3), ("course/c1", 1))


def schema(*events: type, names: Any = None, upcasts: Any = ()) -> Schema:
    made = Schema()
    made.add(events, names=names or {}, upcasts=upcasts)
    return made


def encoded(codec: Codec, event: Any, meta: Metadata | None = None) -> Stored:
    (framed,) = codec.encode([event], [SLOTS], AT, meta or Metadata("req-1"))
    return Stored(9, 0, framed.type, framed.body)


GOLDEN = [
    pytest.param(
        Priced(5, ("a", "b")),
        Metadata("req-1"),
        "",
        b'[1,"",[["account/ann",3],["course/c1",1]],"Priced","2026-01-01T12:30:00.000005Z",{"command_id":"req-1"},'
        b'{"cents":5,"names":["a","b"]}]',
        id="a dataclass",
    ),
    pytest.param(
        PAINTED,
        Metadata("req-1", "Paint", "c", "account/x@1", "ann", "00-1-2-01"),
        "acme",
        b'[1,"acme",[["account/ann",3],["course/c1",1]],"Painted","2026-01-01T12:30:00.000005Z",'
        b'{"command_id":"req-1","command":"Paint","correlation_id":"c","causation_id":"account/x@1","actor":"ann",'
        b'"traceparent":"00-1-2-01"},'
        b'{"colour":"red","price":"1.10","at":"2026-01-02T00:00:00Z","id":"00000000-0000-0000-0000-000000000007",'
        b'"parts":[{"name":"lid","weight":null},{"name":"\xc3\xa9","weight":0.5}],'
        b'"shape":{"type":"box","sides":[1,2]},"note":null}]',
        id="a Struct of everything",
    ),
]


@pytest.mark.parametrize(("event", "meta", "tenant", "body"), GOLDEN)
def test_the_stored_bytes_are_these_and_read_back(event: Any, meta: Metadata, tenant: str, body: bytes) -> None:
    codec = Codec(schema(Painted, Priced), tenant)
    stored = encoded(codec, event, meta)
    assert (stored.type, stored.body) == (type(event).__name__, body)
    expected = Recorded(event, type(event).__name__, SLOTS, 9, AT, meta)
    assert codec.decode(stored) == expected == codec.decode(stored)
    assert codec.data(stored) == event


def test_an_envelope_is_json_that_any_language_reads() -> None:
    stored = encoded(Codec(schema(Painted), "acme"), PAINTED)
    version, tenant, slots, kind, at, meta, data = json.loads(stored.body)
    assert (version, tenant, slots, kind) == (1, "acme", [["account/ann", 3], ["course/c1", 1]], "Painted")
    assert (at, meta["command_id"], data["price"]) == ("2026-01-01T12:30:00.000005Z", "req-1", "1.10")


def test_every_store_keeps_the_same_bytes(tmp_path: Path) -> None:
    app = App("app", deciders=[account, enrolment])

    def bodies(backend: Backend) -> list[bytes]:
        session = app.open(backend)
        session.category(account).handle("ann", Open("Ann"), command_id="1", actor="x")
        session.category(account).handle("ann", Deposit(5), command_id="2", once="forever")
        session.category(enrolment).handle(Enrol("c1", "é/🏦"), command_id="3")
        return [stored.body for stored in backend.log.page()]

    memory, sqlite = Memory(FrozenClock()).open(), open_sqlite(tmp_path / "bank.db", clock=FrozenClock())
    assert bodies(memory) == bodies(sqlite)
    assert bodies(Memory(FrozenClock()).open())[1] == (
        b'[1,"",[["account/ann",2]],"Deposited","2026-01-01T00:00:00.000001Z",'
        b'{"command_id":"2","command":"Deposit","once":"forever"},{"amount":5}]'
    )


class V1(Struct, frozen=True):
    cents: int


class V2(Struct, frozen=True):
    cents: int
    currency: str


class V3(Struct, frozen=True):
    amount: tuple[int, str]


def v2(old: V1) -> V2:
    return V2(old.cents, "EUR")


def v3(old: V2) -> V3:
    return V3((old.cents, old.currency))


def test_an_old_event_is_lifted_step_by_step_when_it_is_read() -> None:
    before = Codec(schema(V1, V2), "")
    after = Codec(schema(V3, upcasts=[v3, v2]), "")
    for event in (V1(5), V2(5, "EUR"), V3((5, "EUR"))):
        stored = encoded(before if not isinstance(event, V3) else after, event)
        assert after.decode(stored).data == after.data(stored) == V3((5, "EUR"))
        assert after.decode(stored).type == type(event).__name__
        assert after.data(stored) == V3((5, "EUR"))


def test_an_upcast_that_fails_names_itself_and_the_position() -> None:
    def broken(old: V1) -> V2:
        raise KeyError("rate")

    stored = encoded(Codec(schema(V1), ""), V1(5))
    with pytest.raises(UnknownType, match=r"broken failed on position 9 \(V1\): KeyError") as failed:
        Codec(schema(V2, upcasts=[broken]), "").decode(stored)
    assert isinstance(failed.value.__cause__, KeyError)


def test_a_renamed_class_keeps_its_name_on_disk() -> None:
    stored = encoded(Codec(schema(V1, names={V1: "paid"}), ""), V1(5))
    assert stored.type == "paid"

    class Renamed(Struct, frozen=True):
        cents: int

    assert Codec(schema(Renamed, names={Renamed: "paid"}), "").decode(stored).data == Renamed(5)


class Short(Struct, frozen=True):
    n: int


def test_a_field_with_a_default_may_come_later_and_one_that_went_is_left_aside() -> None:
    class Longer(Struct, frozen=True):
        n: int
        note: str | None = None
        tags: list[str] = []

    old = encoded(Codec(schema(Short, names={Short: "fact"}), ""), Short(1))
    assert Codec(schema(Longer, names={Longer: "fact"}), "").decode(old).data == Longer(1)
    new = encoded(Codec(schema(Longer, names={Longer: "fact"}), ""), Longer(1, "x", ["y"]))
    assert Codec(schema(Short, names={Short: "fact"}), "").decode(new).data == Short(1)


def test_a_field_without_a_default_needs_an_upcast_and_says_so() -> None:
    class Longer(Struct, frozen=True):
        n: int
        note: str

    old = encoded(Codec(schema(Short, names={Short: "fact"}), ""), Short(1))
    codec = Codec(schema(Longer, names={Longer: "fact"}), "")
    for read in (codec.decode, codec.data):
        with pytest.raises(UnknownType, match=r"account/ann@3 \(position 9\) no longer fits its class fact.*upcast"):
            read(old)


def test_a_type_that_no_decider_knows_is_named_and_shown_raw_in_the_log() -> None:
    stored = encoded(Codec(schema(V1), ""), V1(5))
    codec = Codec(schema(Short), "")
    with pytest.raises(UnknownType, match=r"'V1' \(position 9\)") as unknown:
        codec.decode(stored)
    assert (unknown.value.type, unknown.value.where) == ("V1", "9")
    seen = codec.decode_or_unknown(stored)
    assert (seen.data, seen.type, seen.id, seen.position) == (Unknown(b'{"cents":5}'), "V1", "account/ann@3", 9)


def test_an_event_of_no_decider_is_not_stored() -> None:
    with pytest.raises(UnknownType, match="V1 is in no decider's Event union") as unknown:
        encoded(Codec(schema(Short), ""), V1(5))
    assert unknown.value.type == "V1"


def test_a_class_that_json_can_not_hold_is_refused() -> None:
    class Odd(Struct):
        value: complex

    with pytest.raises(NotEncodable, match="Odd"):
        encoded(Codec(schema(Odd), ""), Odd(1j))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b'[2,"",[["account/ann",3]],"Short","2026-01-01T00:00:00Z",{},{"n":1}]',
        b'[1,"other",[["account/ann",3]],"Short","2026-01-01T00:00:00Z",{},{"n":1}]',
        b'[1,"",[["account/ann",3]],"V1","2026-01-01T00:00:00Z",{},{"n":1}]',
    ],
)
@pytest.mark.parametrize("way", ["decode", "data", "log"])
def test_damaged_bytes_are_called_damaged(body: bytes, way: str) -> None:
    codec = Codec(schema(Short), "")
    codec.decode(encoded(codec, Short(1)))
    read = {"decode": codec.decode, "data": codec.data, "log": codec.decode_or_unknown}[way]
    with pytest.raises(IntegrityError) as damaged:
        read(Stored(9, 0, "Short", body))
    assert damaged.value.position == 9


@pytest.mark.parametrize(
    "body",
    [
        b'[1,"",[["account/ann",3]],"Short","yesterday",{},{"n":1}]',
        b'[1,"",[["account/ann","3"]],"Short","2026-01-01T00:00:00Z",{},{"n":1}]',
        b'[1,"",[["account/ann",3]],"Short","2026-01-01T00:00:00Z",[],{"n":1}]',
    ],
)
def test_damage_beside_the_event_shows_where_the_whole_is_read(body: bytes) -> None:
    codec = Codec(schema(Short), "")
    for read in (codec.decode, codec.decode_or_unknown, codec.peek):
        with pytest.raises(IntegrityError, match="position 9 is damaged"):
            read(Stored(9, 0, "Short", body))


def test_a_recorded_event_says_where_it_is() -> None:
    recorded = Recorded(V1(5), "V1", (("account/a/b", 3), ("course/c1", 1)), 9, AT, Metadata())
    assert (recorded.id, recorded.key, recorded.version) == ("account/a/b@3", "a/b", 3)
    assert recorded.stream == stream("account", "a/b")


def test_the_bytes_of_a_session_are_those_of_its_tenant() -> None:
    memory = Memory(FrozenClock())
    bank.open(memory.open("acme")).category(account).handle("ann", Open("Ann"))
    (stored,) = memory.open("acme").log.page()
    assert stored.body.startswith(b'[1,"acme",[["account/ann",1]],"Opened",')
    with pytest.raises(IntegrityError, match="another tenant"):
        list(bank.open(replace(memory.open("acme"), tenant="other")).log())
