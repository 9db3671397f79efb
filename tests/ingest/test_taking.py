"""What becomes of records: events in few commits, objects with a reason, or a place from where to take them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Rejected, Session, StoreUnavailable, StreamId, TooLarge, View
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.aside import Aside, SetAside
from leftfold.core.commits import Appended, Commit
from leftfold.core.errors import Conflict, IntegrityError, LeftfoldError
from leftfold.ingest import EVER, Ingest, Record, Taken, lines, taking
from leftfold.ports.backend import Backend
from tests.lambdas.conftest import Shelf

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
ENCODE: Final = msgspec.json.Encoder().encode


class Sample(Struct, frozen=True):
    device: str
    n: int
    at: datetime = NOW
    note: str = ""


class Measured(Struct, frozen=True):
    n: int
    note: str = ""


class Doubled(Struct, frozen=True):
    n: int


def to_events(sample: Sample) -> Measured | list[Measured | Doubled] | None:
    if sample.note == "nothing":
        return None
    if sample.note.startswith("twice"):
        return [Measured(sample.n), Doubled(sample.n)]
    return Measured(sample.n, sample.note)


def by_device(sample: Sample) -> StreamId | str:
    return StreamId("device", sample.device) if sample.n % 2 else f"device/{sample.device}"


def taken_at(sample: Sample) -> datetime:
    return sample.at


readings = Ingest("readings", decode=Sample, stream=by_device, to=to_events, at=taken_at, late=timedelta(hours=1))
app = App("things", ingest=[readings])


def record(n: int, device: str = "d1", *, shard: str = "s0", arrival: datetime = NOW, **fields: Any) -> Record:
    return Record(shard, str(n), 0, arrival, device, ENCODE(Sample(device, n, **fields)))


class Desk:
    """An app on a store, and a shelf for what it can't take."""

    def __init__(self, app: App = app, backend: Backend | None = None) -> None:
        self.shelf = Shelf()
        self.session: Session = app.open(backend or Memory().open())

    def take(self, records: Sequence[Record], **options: Any) -> Taken:
        (ingest, *_) = self.session.app.ingest
        return self.session.ingest(ingest, aside=Aside(self.shelf, "desk")).take(records, **options)

    def numbers(self, device: str = "d1") -> list[int]:
        return [event.data.n for event in self.log() if event.key == device]

    def log(self) -> list[Any]:
        return list(self.session.log())

    def reasons(self) -> list[str]:
        return sorted(one["reason"] for one in self.shelf.bodies())


# in


def test_a_batch_is_one_commit_a_stream_in_the_order_of_its_records() -> None:
    desk = Desk()
    taken = desk.take([record(n, f"d{n % 3}") for n in range(12)])
    assert (taken.records, taken.taken, taken.events, taken.commits) == (12, 12, 12, 3)
    assert [desk.numbers(f"d{n}") for n in range(3)] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    assert len({(event.key, event.meta.command_id, event.at) for event in desk.log()}) == 3


def test_an_event_says_which_record_it_came_of() -> None:
    desk = Desk()
    desk.take([record(1), Record("s0", "2", 7, NOW, "d1", ENCODE(Sample("d1", 2, note="twice")))])
    assert [(event.meta.causation_id, event.meta.index) for event in desk.log()] == [
        ("s0:1.0", 0),
        ("s0:2.7", 1),
        ("s0:2.7", 2),
    ]
    assert {event.meta.actor for event in desk.log()} == {"ingest:readings"}
    top = desk.session.trace("device/d1@3")
    assert (top.by, [event.id for event in top.events]) == ("ingest:readings", ["device/d1@2", "device/d1@3"])


def test_a_record_may_mean_nothing() -> None:
    desk = Desk()
    taken = desk.take([record(1, note="nothing"), record(2)])
    assert (taken.ignored, taken.taken) == (1, 1)


def test_a_long_line_is_cut_into_commits_by_events_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "COMMIT_EVENTS", 5)
    desk = Desk()
    assert desk.take([record(n, note="twice") for n in range(7)]).commits == 4  # a record's two events stay together
    monkeypatch.setattr(lines, "COMMIT_EVENTS", 500)
    monkeypatch.setattr(lines, "COMMIT_BYTES", 3_000)
    assert desk.take([record(n, "d2", note="x" * 1_000) for n in range(10, 20)]).commits == 5
    assert desk.take([record(20, "d3", note="x" * 9_000)]).commits == 1  # which is over the limit, and alone


def test_commits_of_ordinary_size_have_some_hundred_readings() -> None:
    taken = Desk().take([record(n) for n in range(2_000)])
    assert taken.commits == 2_000 // lines.COMMIT_EVENTS


def test_a_store_need_not_remember_ids_for_it() -> None:
    """No command id is stored beside the commit: it would make a cold store read a stream's whole history."""
    desk = Desk()
    desk.take([record(1)])
    (event,) = desk.log()
    assert desk.session.backend.store.find(event.meta.command_id, "device/d1", forever=False) is None


def test_the_bell_is_rung_for_those_who_follow() -> None:
    desk = Desk()
    before = desk.session._bell.rings
    desk.take([record(1, note="nothing")])
    assert desk.session._bell.rings == before
    desk.take([record(2)])
    assert desk.session._bell.rings == before + 1


def test_what_came_at_an_unknown_time_is_looked_for_in_the_whole_stream() -> None:
    memory = Memory()
    came = [record(n, arrival=EVER) for n in range(300)]
    Desk(backend=memory.open()).take(came)
    assert Desk(backend=memory.open()).take(came).repeated == 300


def test_two_ingests_take_the_same_record_each_for_itself() -> None:
    other = Ingest("others", decode=Sample, stream=by_device, to=to_events)
    both = App("both", ingest=[readings, other])
    with both.open("memory:") as session:
        for ingest in (readings, other, readings, other):
            session.ingest(ingest).take([record(1)])
        assert [event.meta.actor for event in session.log()] == ["ingest:readings", "ingest:others"]


# set aside


def test_what_can_not_be_read_is_kept_with_its_reason_and_the_others_are_taken() -> None:
    desk = Desk()
    bad = Record("s0", "2", 0, NOW, "d1", b'{"device": "d1"}')
    binary = Record("s0", "3", 4, NOW, "d1", b"\xff\x00")
    taken = desk.take([record(1), bad, binary, record(4)])
    assert (taken.taken, taken.malformed) == (2, 2)
    assert desk.numbers() == [1, 4]
    kept = {one["id"]: one for one in desk.shelf.bodies()}
    assert kept["s0:2.0"]["text"] == '{"device": "d1"}'
    assert "missing required field `n`" in kept["s0:2.0"]["reason"]
    assert (kept["s0:3.4"]["base64"], kept["s0:3.4"]["source"]) == ("/wA=", "s0")
    assert {one.object for one in taken.kept} == set(desk.shelf.kept)


def test_what_came_too_late_is_kept() -> None:
    desk = Desk()
    taken = desk.take([record(1, at=NOW - timedelta(hours=1)), record(2, at=NOW - timedelta(hours=1, seconds=1))])
    assert (taken.taken, taken.late) == (1, 1)
    assert desk.reasons() == ["late: it came 0:00:01 later than is taken"]


def test_a_record_that_is_set_aside_again_is_kept_once() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.take([Record("s0", "2", 0, NOW, "d1", b"{")]).malformed == 1
    assert len(desk.shelf.kept) == 1


@pytest.mark.parametrize(
    ("why", "bad"),
    [
        ("Expected `str`, got `int`", Record("s0", "9", 0, NOW, "d1", b'{"device": 1, "n": 1}')),
        ("key is empty", record(9, "")),
        ("U+0000", record(9, "d\x00")),
        ("key is over 1024 bytes", record(9, "d" * 1025)),
        ("the limit is 262,144", record(9, note="x" * 300_000)),
        ("yet to come", record(9, arrival=datetime(2999, 1, 1, tzinfo=UTC))),
        ("record is over 512 bytes", record(9, shard="s" * 600)),
        ("U+0007", record(9, shard="\x07")),
    ],
)
def test_whatever_a_record_is_it_stops_no_other(why: str, bad: Record) -> None:
    desk = Desk()
    taken = desk.take([record(1), bad, record(10)])
    assert (taken.taken, taken.malformed, taken.failed) == (2, 1, 0)
    (reason,) = desk.reasons()
    assert why in reason


@pytest.mark.parametrize("part", ["decode", "stream", "to", "at"])
def test_whatever_the_apps_own_functions_raise_sets_the_record_aside(part: str) -> None:
    def fails(sample: Any) -> Any:
        if part != "decode" and sample.n != 2:
            return {"stream": by_device, "to": to_events, "at": taken_at}[part](sample)
        raise ZeroDivisionError("no")

    def decode(one: Record) -> Sample:
        return fails(one) if one.sequence == "2" and part == "decode" else msgspec.json.decode(one.data, type=Sample)

    def to(sample: Sample) -> Measured | list[Measured | Doubled] | None:
        made: Measured | list[Measured | Doubled] | None = fails(sample) if part == "to" else to_events(sample)
        return made

    ingest = Ingest(
        "readings",
        decode=decode,
        stream=fails if part == "stream" else by_device,
        to=to,
        at=fails if part == "at" else taken_at,
        late=timedelta(hours=1),
    )
    desk = Desk(App("things", ingest=[ingest]))
    assert desk.take([record(1), record(2), record(3)]).malformed == 1
    assert desk.reasons() == ["malformed: ZeroDivisionError: no"]
    assert desk.numbers() == [1, 3]


def test_an_event_that_was_not_declared_sets_the_record_aside() -> None:
    def to(sample: Sample) -> Measured:
        return Doubled(sample.n) if sample.n == 2 else Measured(sample.n)  # type: ignore[return-value]

    desk = Desk(App("things", ingest=[Ingest("readings", decode=Sample, stream=by_device, to=to)]))
    assert desk.take([record(1), record(2)]).malformed == 1
    assert desk.numbers() == [1]
    assert "Doubled is in no decider's Event union" in desk.reasons()[0]


def test_without_a_place_for_bad_records_nothing_of_their_batch_is_written() -> None:
    with app.open("memory:") as session:
        with pytest.raises(ConfigError, match="give aside="):
            session.ingest(readings).take([record(1), Record("s0", "2", 0, NOW, "d1", b"{")])
        assert list(session.log()) == []


def test_a_bad_record_that_has_no_place_now_comes_again() -> None:
    desk = Desk()
    desk.shelf.full = True
    bad = Record("s0", "2", 0, NOW, "d1", b"{")
    taken = desk.take([record(1), bad, record(3)])
    assert (taken.taken, taken.malformed, taken.again, taken.trouble) == (2, 0, {"s0": bad}, "the shelf is full")
    desk.shelf.full = False
    taken = desk.take([bad, record(3)])
    assert (taken.repeated, taken.malformed, taken.again) == (1, 1, {})


def test_a_record_that_was_mended_is_taken_though_others_around_it_are_in() -> None:
    memory = Memory()
    strict = Ingest("readings", decode=picky, stream=by_device, to=to_events)
    Desk(App("things", ingest=[strict]), memory.open()).take([record(n) for n in range(1, 6)])
    desk = Desk(backend=memory.open())
    taken = desk.take([record(n) for n in range(1, 6)])
    assert (taken.repeated, taken.taken) == (4, 1)
    assert desk.numbers() == [1, 2, 4, 5, 3]


def test_what_was_set_aside_is_taken_from_there_once_it_can_be_read(tmp_path: Path) -> None:
    memory = Memory()
    aside = Aside(Folder(tmp_path), "desk")
    strict = Ingest("readings", decode=picky, stream=by_device, to=to_events)
    with App("things", ingest=[strict]).open(memory.open()) as session:
        session.ingest(strict, aside=aside).take([record(n) for n in range(1, 6)])
    with app.open(memory.open()) as session:
        for repeated in (0, 1):
            taken = session.ingest(readings).take(Record.of(aside.show(name)) for name in aside.names())
            assert (taken.records, taken.repeated) == (1, repeated)
        assert [event.data.n for event in session.log()] == [1, 2, 4, 5, 3]  # type: ignore[attr-defined]
        assert [event.meta.causation_id for event in session.log()][-1] == "s0:3.0"


@pytest.mark.parametrize("name", ["", "49590338271490256608", "s0:7", "s0:7.", "s0:.1", ":7.1", "s0:7.x"])
def test_what_was_no_record_when_it_was_set_aside_is_none(name: str) -> None:
    with pytest.raises(Rejected, match="no id of a record"):
        Record.of(SetAside(name, "ingest", "kinesis", "no base64", "{}"))


def picky(one: Record) -> Sample:
    if one.sequence == "3":
        raise ValueError("not yet understood")
    return msgspec.json.decode(one.data, type=Sample)


# not taken now


class Trying:
    """A store that refuses what `refuses` says."""

    def __init__(self, store: Any, refuses: Callable[[Commit], Exception | None]) -> None:
        self._store, self._refuses = store, refuses
        self.asked = 0

    def append(self, commit: Commit) -> Appended:
        self.asked += 1
        if error := self._refuses(commit):
            raise error
        appended: Appended = self._store.append(commit)
        return appended

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        if error := next(filter(None, map(self._refuses, commits)), None):
            raise error
        appended: list[Appended | Conflict] = self._store.append_all(commits)
        return appended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@contextmanager
def trying(refuses: Callable[[Commit], Exception | None]) -> Iterator[tuple[Desk, Trying]]:
    backend = Memory().open()
    store = Trying(backend.store, refuses)
    yield Desk(backend=msgspec.structs.replace(backend, store=store)), store


def test_what_is_too_large_together_is_written_alone_and_what_is_too_large_alone_is_set_aside() -> None:
    def narrow(commit: Commit) -> Exception | None:
        return TooLarge("two events at the most", field="commit", limit=1) if len(commit.events) > 1 else None

    with trying(narrow) as (desk, _):
        taken = desk.take([record(1), record(2, note="twice"), record(3), record(4, "d2"), record(5, note="twice")])
    assert (taken.taken, taken.commits, taken.malformed, taken.failed) == (3, 3, 2, 0)
    assert desk.numbers() == [1, 3]
    assert desk.numbers("d2") == [4]


@pytest.mark.parametrize("trouble", [StoreUnavailable, IntegrityError])
def test_a_stream_that_can_not_be_written_is_reported_and_the_others_are_taken(trouble: type[LeftfoldError]) -> None:
    def hot(commit: Commit) -> Exception | None:
        return trouble("not this one") if commit.stream == "device/d1" else None

    with trying(hot) as (desk, _):
        taken = desk.take([record(n, f"d{n % 3}") for n in range(12)])
    assert (taken.taken, taken.failed, taken.trouble) == (8, 4, "not this one")
    assert taken.again == {"s0": record(1, "d1")}


def test_each_shard_goes_on_where_its_first_failure_is() -> None:
    with trying(lambda commit: StoreUnavailable("down")) as (desk, _):
        taken = desk.take([record(n, f"d{n}", shard=f"s{n % 2}") for n in range(5)])
    assert taken.again == {"s0": record(0, "d0", shard="s0"), "s1": record(1, "d1", shard="s1")}
    assert (taken.failed, taken.commits) == (5, 0)


def test_a_store_that_is_down_is_not_asked_for_every_stream() -> None:
    with trying(lambda commit: StoreUnavailable("down")) as (desk, store):
        taken = desk.take([record(n, f"d{n}") for n in range(1_000)])
    assert taken.failed == 1_000
    assert store.asked < taking.LOST_STREAMS + taking.THREADS


def test_a_failure_ends_the_take_with_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later must not overtake it: not even in other streams, since all of it is delivered again."""
    monkeypatch.setattr(taking, "BATCH_RECORDS", 4)

    def hot(commit: Commit) -> Exception | None:
        return StoreUnavailable("throttled") if commit.stream == "device/d1" else None

    with trying(hot) as (desk, _):
        taken = desk.take([record(n, f"d{n % 3}") for n in range(12)])
    assert (taken.records, taken.taken, taken.failed) == (12, 3, 9)


def test_the_apps_own_trouble_with_a_store_stops_its_shard() -> None:
    def decode(one: Record) -> Sample:
        if one.sequence == "2":
            raise StoreUnavailable("the table of devices is away")
        return msgspec.json.decode(one.data, type=Sample)

    ingest = Ingest("readings", decode=decode, stream=by_device, to=to_events)
    desk = Desk(App("things", ingest=[ingest]))
    taken = desk.take([record(1), record(2), record(3), record(4, shard="s1")])
    assert (taken.taken, taken.failed, taken.again) == (2, 2, {"s0": record(2)})
    assert desk.numbers() == [1, 4]


def test_it_stops_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "BATCH_RECORDS", 4)
    desk, asked = Desk(), iter([False, False, True])
    taken = desk.take([record(n) for n in range(12)], until=lambda: next(asked))
    assert (taken.taken, taken.failed, taken.again) == (8, 4, {"s0": record(8)})
    assert taken.trouble == "it was time to stop"


def test_a_time_without_a_zone_is_the_callers_mistake() -> None:
    with pytest.raises(Rejected, match="time zone"):
        Desk().take([record(1, arrival=datetime(2026, 1, 1))])  # noqa: DTZ001 - the mistake


# what an app may say


def test_events_of_an_ingest_are_known_to_the_app() -> None:
    def count(row: int, event: Measured | Doubled) -> int:
        return row + 1

    counts = View("counts", initial=0, evolve=count)
    with App("things", views=[counts], ingest=[readings]).open("memory:") as session:
        session.ingest(readings).take([record(1, note="twice"), record(2)])
        session.catch_up()
        assert session.view(counts).get("d1") == 3
    with pytest.raises(ConfigError, match="which no decider of this app emits"):
        App("things", views=[counts])


class Warmth(Struct, frozen=True):
    n: int
    unit: str


def lift(old: Measured) -> Warmth:
    return Warmth(old.n, "C")


def to_warmth(sample: Sample) -> list[Warmth]:
    return [Warmth(sample.n, "K")]


def test_old_events_of_an_ingest_are_lifted() -> None:
    memory = Memory()
    Desk(backend=memory.open()).take([record(1)])
    options: dict[str, Any] = {"names": {Warmth: "warmth"}, "upcasts": [lift]}
    newer = Ingest("readings", decode=Sample, stream=by_device, to=to_warmth, **options)
    desk = Desk(App("things", ingest=[newer]), memory.open())
    desk.take([record(1), record(2)])
    assert [(event.type, event.data) for event in desk.log()] == [
        ("Measured", Warmth(1, "C")),
        ("warmth", Warmth(2, "K")),
    ]


class Muddled(Struct):
    both: list[int] | set[int]


def unannotated(sample: Sample):  # type: ignore[no-untyped-def]
    return Measured(sample.n)


def vague(sample: Sample) -> object:
    return Measured(sample.n)


def nothing(sample: Sample) -> None: ...


@pytest.mark.parametrize(
    ("why", "options"),
    [
        ("annotate what it returns", {"to": unannotated}),
        ("annotate what it returns with the event classes", {"to": vague}),
        ("annotate what it returns with the event classes", {"to": nothing}),
        ("late= needs at=", {"late": timedelta(hours=1)}),
        ("must not be negative", {"late": timedelta(hours=-1), "at": taken_at}),
        ("can't be read from JSON", {"decode": Muddled}),
    ],
)
def test_an_ingest_that_can_not_work_is_refused(why: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=why):
        Ingest("readings", **{"decode": Sample, "stream": by_device, "to": to_events, **options})


def test_an_app_refuses_two_ingests_of_one_name_and_a_session_a_foreign_one() -> None:
    with pytest.raises(ConfigError, match="'readings' is declared twice"):
        App("things", ingest=[readings, readings])
    with pytest.raises(ConfigError, match="add it to ingest="), App("things").open("memory:") as session:
        session.ingest(readings)


def test_a_name_is_plain() -> None:
    with pytest.raises(ConfigError):
        Ingest("Readings of today", decode=Sample, stream=by_device, to=to_events)


def test_what_is_kept_can_be_read_by_anybody() -> None:
    desk = Desk()
    desk.take([Record("s0", "2", 0, NOW, "d1", b"{")])
    ((name, body),) = desk.shelf.kept.items()
    assert name.startswith("desk/2026-01-01/")
    assert json.loads(body)["at"] == "2026-01-01T00:00:00Z"
