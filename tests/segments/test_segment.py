"""A segment keeps a run of the log, byte by byte, and gives back all of it, a part of it, or one stream."""

import gzip
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from leftfold.archive import segment as module
from leftfold.archive.segment import Segment, pack
from leftfold.core.errors import IntegrityError, Rejected, TooLarge
from leftfold.core.events import Stored
from tests.segments.made import TENANT, Ledger, Moved, Paid, codec, ledger, segments

names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).map(lambda key: f"a/{key}")
amounts = st.integers(-(2**53), 2**53)
payments = st.tuples(st.builds(Paid, amounts, st.text(max_size=40)), names.map(lambda name: (name,)))
moves = st.tuples(
    st.builds(Moved, st.text(max_size=9)), st.lists(names, min_size=1, max_size=4, unique=True).map(tuple)
)


def packed(made: Ledger, previous: str = "") -> bytes:
    return pack(made.events, tenant=TENANT, first=made.first, previous=previous)


@given(
    first=st.integers(1, 2**40), history=st.lists(payments | moves, min_size=1, max_size=60), block=st.integers(1, 9)
)
@settings(max_examples=60, deadline=None)
def test_every_event_comes_back_byte_by_byte_and_by_stream(first: int, history: list[Any], block: int) -> None:
    made = Ledger(first)
    for event, streams in history:
        made.add(event, *streams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_EVENTS", block)
        patch.setattr("leftfold.archive.index.PAGE_BYTES", 30)
        found = Segment(packed(made))
    assert list(found.events()) == made.events
    assert {name: found.stream(name) for name in made.by_stream} == made.by_stream
    assert [entry.stream for entry in found.streams()] == sorted(made.by_stream)
    assert [list(found.pick(entry.places)) for entry in found.streams()] == [
        [Stored(event.position, 0, event.type, event.body) for event in made.by_stream[name]]
        for name in sorted(made.by_stream)
    ]


def test_it_says_what_it_is() -> None:
    made = ledger(300, 20, first=1001)
    data = packed(made, previous="ab" * 32)
    found = Segment(data)
    assert (found.first, found.count, found.last) == (1001, 300, 1300)
    assert (found.tenant, found.previous) == (TENANT, "ab" * 32)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert b'{"format":1,"tenant":"acme","first":1001,"count":300,"previous":"abab' in data[:300]


def test_the_same_events_make_the_same_bytes() -> None:
    assert packed(ledger(500, 20)) == packed(ledger(500, 20))


def test_ordinary_tools_read_it() -> None:
    made = ledger(1000, 20)
    assert gzip.decompress(packed(made)) == b"".join(event.body + b"\n" for event in made.events)


@pytest.mark.parametrize(
    ("after", "limit"), [(0, 7), (127, None), (128, 1), (255, 300), (999, None), (1000, 5), (5000, 1)]
)
def test_a_part_of_it_is_read_from_anywhere(after: int, limit: int | None) -> None:
    made = ledger(1000, 20)
    end = None if limit is None else after + limit
    assert list(Segment(packed(made)).events(after, limit)) == made.events[after:end]


def test_what_comes_before_it_is_skipped() -> None:
    made = ledger(10, 3, first=501)
    found = Segment(packed(made))
    assert list(found.events(after=3)) == made.events
    assert list(found.events(after=507, limit=2)) == made.events[7:9]


def test_a_stream_goes_on_in_the_next_segment() -> None:
    made = ledger(3000, 30)
    opened = [Segment(data) for data in segments(made.events, 700)]
    assert [one.previous for one in opened] == ["", *(one.sha256 for one in opened[:-1])]
    for name, events in made.by_stream.items():
        assert [event for one in opened for event in one.stream(name)] == events
        assert [event for one in opened for event in one.stream(name, after=9)] == events[9:]


@pytest.mark.parametrize(
    "name", ["account/none", "account/0001\t1", "account/000", "zebra/1", "", "account/0001\n", "account/\ud800"]
)
def test_a_stream_that_is_not_there_is_empty(name: str) -> None:
    assert Segment(packed(ledger(200, 5))).stream(name) == []


def test_one_stream_inflates_no_other_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Ledger()
    for number in range(10_000):
        made.add(Paid(number), "account/rare" if number in (17, 18, 9000) else f"account/{number % 50:03d}")
    found = Segment(packed(made))
    blocks: list[int] = []
    read = Segment._lines
    monkeypatch.setattr(Segment, "_lines", lambda self, number: blocks.append(number) or read(self, number))  # type: ignore[func-returns-value]
    assert [event.position for event in found.stream("account/rare")] == [18, 19, 9001]
    assert blocks == [17 // module.BLOCK_EVENTS, 9000 // module.BLOCK_EVENTS]


def test_large_events_fill_small_blocks() -> None:
    made = Ledger()
    for number in range(20):
        made.add(Paid(number, "x" * 200_000), "account/1")
    found = Segment(packed(made))
    assert max(block.plain for block in found._index.blocks) < module.BLOCK_BYTES + 201_000
    assert list(found.events()) == made.events


@pytest.mark.parametrize(
    ("position", "spoil", "why"),
    [
        (3, lambda e: Stored(9, 0, e.type, e.body), "position 3 is missing"),
        (3, lambda e: Stored(3, 0, e.type, e.body[:-1]), "position 3 is damaged"),
        (3, lambda e: Stored(3, 0, e.type, e.body.replace(b"[1,", b"[2,", 1)), "position 3 is damaged"),
        (3, lambda e: Stored(3, 0, e.type, e.body.replace(b'"acme"', b'"evil"')), "another tenant's or type's bytes"),
        (3, lambda e: Stored(3, 0, "Moved", e.body), "another tenant's or type's bytes"),
        (3, lambda e: Stored(3, 0, e.type, e.body.replace(b",", b",\n", 1)), "has a line break"),
        (3, lambda e: Stored(3, 0, e.type, e.body.replace(b'/1",3', b'/1",4')), "version 4 of 'account/1', where 3"),
        (1, lambda e: Stored(1, 0, e.type, e.body.replace(b'/1",1', b'/1",0')), "version 0 of 'account/1', where"),
        (1, lambda e: Stored(1, 0, e.type, e.body.replace(b'[["account/1",1]]', b"[]")), "another tenant's or type's"),
        (2, lambda e: Stored(2, 0, e.type, e.body.replace(b"account/1", b"acc\\tunt/1")), "which no store accepts"),
    ],
)
def test_what_no_store_of_ours_gave_is_not_sealed(position: int, spoil: Any, why: str) -> None:
    made = Ledger()
    for number in range(5):
        made.add(Paid(number), "account/1")
    made.events[position - 1] = spoil(made.events[position - 1])
    with pytest.raises(IntegrityError, match=why) as caught:
        packed(made)
    assert caught.value.position == position


def test_an_empty_segment_is_refused() -> None:
    with pytest.raises(Rejected):
        pack([], tenant=TENANT, first=1, previous="")


def test_a_segment_too_large_to_be_read_back_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leftfold.archive.members.MEMBER_BYTES", 50_000)
    with pytest.raises(TooLarge, match="Make smaller segments"):
        packed(ledger(30_000, 30))


def test_too_many_types_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leftfold.archive.index.MAX_TYPES", 1)
    with pytest.raises(TooLarge, match="types"):
        packed(ledger(50, 5))


def test_a_newer_format_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMAT", 2)
    data = packed(ledger(5, 2))
    monkeypatch.undo()
    with pytest.raises(IntegrityError, match="format 2, and this code reads 1: use a newer leftfold"):
        Segment(data)


def test_the_events_decode_as_from_the_store() -> None:
    made, reader = ledger(50, 3), codec()
    assert [reader.decode(one) for one in Segment(packed(made)).events()] == [reader.decode(one) for one in made.events]


def test_what_an_event_costs(record_property: Any) -> None:
    data = packed(made := ledger(20_000, 500))
    plain = sum(len(event.body) for event in made.events)
    assert len(data) < plain / 2
    record_property("figure", f"segment: {len(data) / 20_000:.1f} bytes an event of {plain / 20_000:.0f}")
