"""Rows on DynamoDB: lost replies, drains, drops, what is large, and what an event costs."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from msgspec import Struct

from leftfold import App, Fenced, Recorded, Session, StoreUnavailable, TooLarge, View
from leftfold.adapters.dynamodb import checkpoints, writing
from leftfold.adapters.dynamodb.ordering import SORT_KEY_BYTES, bounds, entry_key
from leftfold.core.views import Scalar
from leftfold.ports.rows import Change, Span
from leftfold.testing.contracts.base import letter, step
from tests.dynamodb.races import BUILD, change, found, row, write
from tests.dynamodb.views import Views
from tests.testbed.faults import LOST, PARTIAL, THROTTLED, Faults

Figure = Callable[[str, object], None]


class Count(Struct, frozen=True):
    keys: tuple[str, ...]
    poison: bool = False


class Counted(Struct, frozen=True):
    keys: tuple[str, ...]
    poison: bool = False


class Counting:
    category = "counting"
    initial = 0

    def decide(self, command: Count, state: int) -> list[Counted]:
        return [Counted(command.keys, command.poison)]

    def evolve(self, state: int, event: Counted) -> int:
        return state + 1


class Total(Struct, frozen=True):
    count: int = 0
    last: int = 0


class Counts:
    """An app with one view; poison is poison until `fixed`."""

    def __init__(self, indexed: bool = True) -> None:
        self.fixed = False
        self.counting = Counting()
        indexes: Any = {"size": lambda row: row.count % 7} if indexed else {}
        self.view = View("counts", initial=Total(), evolve=self._evolve, key=self._keys, indexes=indexes)
        self.app = App("counts", deciders=[self.counting], views=[self.view])

    def _keys(self, event: Recorded[Counted]) -> list[str]:
        return list(event.data.keys)

    def _evolve(self, row: Total, event: Recorded[Counted], key: str) -> Total:
        if event.data.poison and not self.fixed:
            raise ValueError("poison")
        return Total(row.count + 1, event.position)


# lost replies


def projected(views: Views, faults: Faults) -> Session:
    """A session that has projected 200 events of 20 rows through these faults."""
    counts, chance = Counts(), random.Random(1)
    session = counts.app.open(views.open(faults=faults))
    for number in range(200):
        keys = tuple(chance.sample([f"key {i}" for i in range(20)], 2))
        session.category(counts.counting).handle("c", Count(keys, poison=number == 77))
        if number % 7 == 0:
            session.catch_up()
    session.catch_up()
    events = list(session.log())
    parked = {key for event in events if event.data.poison for key in event.data.keys}  # type: ignore[attr-defined]
    rows = dict(session.view(counts.view).scan())
    for key in {f"key {i}" for i in range(20)} - parked:
        mine = [event.position for event in events if key in event.data.keys]  # type: ignore[attr-defined]
        assert rows[key] == Total(len(mine), mine[-1])
    listed = {key: row for size in range(7) for key, row in session.view(counts.view).find(size=size)}
    assert listed == rows
    return session


def test_rows_come_out_right_through_lost_replies_and_partial_batches(views: Views, record_property: Figure) -> None:
    writes = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
    faults = Faults(seed=4).rate(0.2, *LOST, on=writes).rate(0.1, THROTTLED, PARTIAL)
    projected(views, faults)
    record_property("figure", f"dynamodb rows: 200 events of 400 rows right through {faults.injected.total()} faults")
    assert faults.injected.total() > 100


def test_nobody_is_fenced_by_replies_that_were_lost(views: Views) -> None:
    faults = Faults(seed=9).rate(0.4, *LOST, on=("UpdateItem", "PutItem", "DeleteItem"))
    backend = views.open(faults=faults)
    for number in range(30):
        now = number % 3
        write(backend, change(number, number + 1, b"1", was=(number - 1) % 3 if number else None, now=now))
    assert found(backend) == [(2, row(backend))]
    assert row(backend).applied == 30
    assert len(views.items(views.tables.views, f"|index/{BUILD}/size")) == 1
    assert faults.injected.total() > 20


def test_a_page_that_fails_halfway_is_taken_again(views: Views) -> None:
    faults, keys = Faults(), [f"key {i:02}" for i in range(30)]
    backend = views.open(faults=faults)
    backend.rows.write(BUILD, [Change(key, b"1", 1) for key in keys], step(BUILD, 0, 1))
    faults.rate(0.5, THROTTLED, on=("UpdateItem",))
    calls: Any = backend.checkpoints._calls  # type: ignore[attr-defined]
    calls._patience_s = -1.0  # the first failure is the last
    with pytest.raises(StoreUnavailable):
        backend.rows.write(BUILD, [Change(key, b"2", 2, before=1) for key in keys], step(BUILD, 1, 2))
    written = {one.key for one in backend.rows.scan(BUILD) if one.applied == 2}
    assert 0 < len(written) < 30
    assert backend.checkpoints.load(BUILD).position == 1
    other = views.open()
    rows = other.rows.get(BUILD, keys)
    again = [Change(key, b"2 3", 3, before=rows[key].applied) for key in keys]
    other.rows.write(BUILD, again, step(BUILD, 1, 3))
    assert {(one.body, one.applied) for one in other.rows.scan(BUILD)} == {(b"2 3", 3)}


# late events


def test_a_long_lane_is_drained_in_steps_that_a_transaction_holds(
    views: Views, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    monkeypatch.setattr(writing, "TRANSACTION_ITEMS", 12)
    monkeypatch.setattr(checkpoints, "LETTERS_A_STEP", 8)
    counts = Counts()
    session = counts.app.open(views.open())
    session.category(counts.counting).handle("c", Count(("a",)))
    for number in range(60):
        session.category(counts.counting).handle("c", Count(("a", "b"), poison=number == 0))
    session.catch_up()
    assert session.operations.dead_letters() != []
    build = session.builds["counts"].builds().live or ""
    assert session.backend.checkpoints.load(build).parked == {"row:a": 2, "row:b": 2}
    assert len(session.backend.dead.list(build, "row:a")) == 60
    counts.fixed = True
    mark = views.aws.calls.mark()
    for lane in ("row:a", "row:b"):
        assert session.operations.retry(build, lane) == 0
    steps = views.aws.calls.since(mark).count["TransactWriteItems"]
    record_property("figure", f"dynamodb rows: 120 letters drained in {steps} transactions of at most 12 writes")
    assert steps >= 120 / 12
    assert session.backend.dead.list() == []
    assert dict(session.view(counts.view).scan()) == {"a": Total(61, 61), "b": Total(60, 61)}
    assert [key for key, _ in session.view(counts.view).find(size=4)] == ["b"]


def test_a_late_step_that_is_too_large_changes_nothing(views: Views) -> None:
    backend = views.open()
    park = [letter(BUILD, f"row:{i}", 3) for i in range(60)]
    write(backend, change(0, 5, b"5", now=1), park=park)
    before = backend.checkpoints.load(BUILD)
    late = [Change(f"other {i}", b"3", 3) for i in range(60)]
    with pytest.raises(TooLarge):
        backend.rows.write(BUILD, late, step(BUILD, before.revision, 5, release=park))
    assert backend.checkpoints.load(BUILD) == before
    assert [one.key for one in backend.rows.scan(BUILD)] == ["a"]


# dropping


def test_a_drop_that_was_interrupted_is_done_by_another(views: Views) -> None:
    backend = views.open()
    lease = backend.checkpoints.acquire(BUILD, "me", 1000)
    assert lease is not None
    keys = [f"key {i}" for i in range(60)]
    changes = [Change(key, b"1", 1, (), (("size", i), ("age", 1))) for i, key in enumerate(keys)]
    lanes = [letter(BUILD, f"row:{i}" + "x" * 900, 1) for i in range(5)]
    backend.rows.write(BUILD, changes, step(BUILD, 0, 1, token=lease.token, park=lanes))
    broken = views.open(
        faults=Faults(seed=1).script("BatchWriteItem", PARTIAL, None).outage(THROTTLED, on=("BatchWriteItem",))
    )
    calls: Any = broken.checkpoints._calls  # type: ignore[attr-defined]
    calls._patience_s = -1.0
    with pytest.raises(StoreUnavailable):
        broken.rows.drop(BUILD)
    with pytest.raises(Fenced):  # whoever was at work is out from the start
        backend.rows.write(BUILD, [Change("late", b"1", 2)], step(BUILD, 1, 2, token=lease.token))
    views.open(faults=Faults(seed=2).rate(0.5, PARTIAL)).rows.drop(BUILD)
    for place in (f"row/{BUILD}", f"index/{BUILD}", f"index/{BUILD}/size", f"index/{BUILD}/age"):
        assert views.items(views.tables.views, f"|{place}") == []
    assert views.items(views.tables.log, f"|parked/{BUILD}") == views.items(views.tables.log, "|dead") == []
    (left,) = views.items(views.tables.log, "|at")
    assert left.keys() == {"p", "s", "t", "u", "w", "h"}  # the lease only: its next token is another
    assert backend.checkpoints.names() == []


def test_indexes_are_found_again_when_a_build_is_begun_again(views: Views) -> None:
    a, b = views.open(), views.open()
    for _ in range(2):
        write(a, change(0, 1, b"1", now=1))
        write(a, change(1, 2, b"2", was=1, now=2))
        b.rows.drop(BUILD)
        assert views.items(views.tables.views, f"|index/{BUILD}/size") == []


# sizes


def test_a_row_is_compressed_where_that_saves_write_units(views: Views) -> None:
    backend = views.open()
    for body, units in ((b"x" * 500, 1), (b"x" * 50_000, 1), (random.Random(1).randbytes(3000), 3)):
        mark = views.aws.calls.mark()
        backend.rows.write(
            BUILD, [Change(f"{len(body)}", body, 1)], step(BUILD, backend.checkpoints.load(BUILD).revision, 1)
        )
        assert views.aws.calls.since(mark).tables[views.tables.views].write == units
        assert backend.rows.get(BUILD, [f"{len(body)}"])[f"{len(body)}"].body == body


def test_a_row_over_the_size_of_an_item_is_refused_by_name(views: Views) -> None:
    backend = views.open()
    with pytest.raises(TooLarge, match="row 'a' has 409600 bytes"):
        write(backend, change(0, 1, random.Random(1).randbytes(400 * 1024)))
    write(backend, change(0, 1, b"x" * 1_000_000))
    assert row(backend).body == b"x" * 1_000_000


def test_values_too_long_for_a_sort_key_are_found_by_their_whole(views: Views) -> None:
    backend, stem = views.open(), "é" * 600
    values = {f"key {i}": f"{stem}{i}" for i in range(5)} | {"short": "é" * 300, "next": "f"}
    changes = [Change(key, b"1", 1, (), (("size", value),)) for key, value in values.items()]
    backend.rows.write(BUILD, changes, step(BUILD, 0, 1))

    def keys(span: Span) -> set[str]:
        read: list[tuple[Scalar, Any]] = []
        while page := backend.rows.find(
            BUILD, "size", span, after=(read[-1][0], read[-1][1].key) if read else None, limit=2
        ):
            read += page
        assert len(read) == len({one.key for _, one in read})
        return {one.key for _, one in read}

    assert keys(Span()) == set(values)
    assert keys(Span(low=f"{stem}3", equal=True)) == {"key 3"}
    assert keys(Span(low=f"{stem}3")) == {"key 3", "key 4"}
    assert keys(Span(high=f"{stem}3")) == {"key 0", "key 1", "key 2", "short", "next"}
    assert keys(Span(low=f"{stem}1", high=f"{stem}3")) == {"key 1", "key 2"}


LETTERS = "ab\x20~é\ud7ff\uffff\U0001f600\U0010ffff"
NUMBERS = (
    st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(-(2.0**63), 2.0**63, exclude_min=True, exclude_max=True)
    | st.sampled_from([0, -0.0, 5e-324, -5e-324, 2**53, 2.0**53, 2**53 + 1, 0.1, 1 / 3, 2.0**62, 2**62 + 1])
)
LONG = st.text(LETTERS, max_size=8).map(lambda text: ("é" * 520 + text)[-700:])
VALUES = NUMBERS | st.text(LETTERS, max_size=6)
KEYS = st.text(LETTERS, min_size=1, max_size=6)


def order(entry: tuple[Scalar, str]) -> Any:
    value, key = entry
    return isinstance(value, str), value.encode() if isinstance(value, str) else value, key.encode()


@given(st.lists(st.tuples(VALUES, KEYS), min_size=2, max_size=20))
@example([(-5e-324, "a"), (0, "a"), (5e-324, "a"), (-1, "b")])
def test_sort_keys_have_the_order_of_values_and_keys(entries: list[tuple[Scalar, str]]) -> None:
    for one, other in pairwise(sorted(entries, key=order)):
        one_key, other_key = (entry_key(*entry).encode() for entry in (one, other))
        assert one_key < other_key if order(one) < order(other) else one_key == other_key


@given(VALUES | LONG, KEYS, VALUES | LONG | st.none(), VALUES | LONG | st.none(), st.booleans())
@example("é" * 493 + "\U0001f600", "a", "é" * 493 + "ab", None, False)
def test_no_entry_of_a_span_is_outside_its_bounds(
    value: Scalar, key: str, low: Scalar | None, high: Scalar | None, equal: bool
) -> None:
    span = Span(value if equal else low, high, equal=equal)
    place, key_at = order((value, "")), entry_key(value, key)
    assert len(key_at.encode()) <= SORT_KEY_BYTES
    is_in = equal or ((low is None or order((low, "")) <= place) and (high is None or place < order((high, ""))))
    limits = bounds(span)
    if is_in:
        assert limits.low.encode() <= key_at.encode() <= limits.high.encode()
    assert max(len(limits.low.encode()), len(limits.high.encode())) <= SORT_KEY_BYTES


# costs


@pytest.mark.parametrize("batch", [1, 10, 100])
@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
def test_what_an_event_costs_in_rows(views: Views, batch: int, indexed: bool, record_property: Figure) -> None:
    """Events of 10 rows, as many each: one write for a row that a page touches, one for each entry, one for the move."""
    counts = Counts(indexed)
    session = counts.app.open(views.open())
    handle = session.category(counts.counting).handle
    for number in range(10):
        handle("c", Count((f"key {number}",)))
    session.catch_up()
    events, pages = 100, 100 // batch
    mark = views.aws.calls.mark()
    for page in range(pages):
        for number in range(batch):
            handle("c", Count((f"key {(page * batch + number) % 10}",)))
        session.catch_up()
    told = views.aws.calls.since(mark)
    rows = pages * min(batch, 10)
    expected = rows + pages + (2 * rows if indexed else 0)  # each page moves its rows to another index value
    name = "with an index" if indexed else "without"
    record_property(
        "figure",
        f"dynamodb rows: {told.write_units / events:.2f} write units an event at batch {batch}, {name} (10 rows)",
    )
    leases = 2  # at most, while the test lasts
    assert expected <= told.write_units <= expected + leases
