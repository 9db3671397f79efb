"""Stories of workers that are late or die at the worst moment, each told call by call; what must hold is asserted.

`A` is the worker whose call is held up; what the others do meanwhile is done when that call goes out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from leftfold.core.errors import Fenced
from leftfold.core.views import Scalar
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import Change, Row, Span
from leftfold.testing.contracts.base import letter, step
from tests.dynamodb.views import Views
from tests.testbed.calls import Call
from tests.testbed.faults import Faults, meanwhile

BUILD = "v@1.0"


class Died(BaseException):
    """The process is gone."""


def die() -> None:
    raise Died


def held_up(faults: Faults, operation: str, table: str, action: Callable[[], object]) -> None:
    """Before the next such call arrives, `action`."""

    def is_it(call: Call) -> bool:
        return str(call.parameters).count(table) > 0

    faults.outage(meanwhile(action), calls=1, on=(operation,), where=is_it)


def change(
    before: int, applied: int, body: bytes | None, *, was: Scalar | None = None, now: Scalar | None = None
) -> Change:
    """Row "a" from one form to the next, and its value in the index "size"."""
    dropped, added = ((("size", value),) if value is not None else () for value in (was, now))
    return Change("a", body, applied, dropped, added, before)


def write(backend: Backend, *changes: Change, position: int | None = None, **more: Any) -> None:
    """The leader's next step."""
    now = backend.checkpoints.load(BUILD)
    last = max((one.applied for one in changes), default=0) if position is None else position
    backend.rows.write(BUILD, changes, step(BUILD, now.revision, max(last, now.position), **more))


def row(backend: Backend) -> Row:
    return backend.rows.get(BUILD, ["a"])["a"]


def found(backend: Backend) -> list[tuple[Scalar, Row]]:
    return backend.rows.find(BUILD, "size", Span(), after=None, limit=9)


# who is late


def a_late_write_brings_no_removed_row_back(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()

    def others() -> None:
        write(b, change(0, 3, b"3"))
        write(b, change(3, 6, None))

    held_up(faults, "UpdateItem", views.tables.views, others)
    with pytest.raises(Fenced):
        write(a, change(0, 3, b"3"))
    assert row(b) == Row("a", None, 6)
    assert b.rows.scan(BUILD) == []


def a_row_goes_on_only_from_what_it_was_folded_onto(views: Views) -> None:
    """Index entries are told as changes: applied to another row than they were made for, they would be wrong."""
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    write(b, change(0, 1, b"1", now=1))
    held_up(faults, "UpdateItem", views.tables.views, lambda: write(b, change(1, 5, b"1 5", was=1, now=2)))
    with suppress(Fenced):
        write(a, change(1, 9, b"1 5 9"))
    if row(b).applied < 9:
        write(b, change(5, 9, b"1 5 9", was=2, now=1))
    assert found(b) == [(1, Row("a", b"1 5 9", 9))]


def a_row_that_a_late_event_came_to_is_read_again(views: Views) -> None:
    faults = Faults()
    a, operator = views.open(faults=faults), views.open()
    waits = letter(BUILD, "stream:s/1", 3)
    write(operator, change(0, 5, b"5"), park=[waits])
    held_up(
        faults,
        "UpdateItem",
        views.tables.views,
        lambda: write(operator, change(5, 5, b"5 3"), position=5, release=[waits]),
    )
    with suppress(Fenced):
        write(a, change(5, 9, b"5 9"))
    assert row(operator) == Row("a", b"5 3", 5)


def a_late_removal_spares_the_entry_of_a_newer_row(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    write(b, change(0, 1, b"1", now=1))
    held_up(faults, "DeleteItem", views.tables.views, lambda: write(b, change(5, 7, b"7", was=2, now=1)))
    with suppress(Fenced):
        write(a, change(1, 5, b"5", was=1, now=2))
    assert found(b) == [(1, Row("a", b"7", 7))]


def a_late_entry_does_not_take_a_newer_ones_place(views: Views) -> None:
    """Else the entry would look old enough for somebody else's late removal."""
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    zombie: Any = views.open().rows
    write(b, change(0, 10, b"10", now=0))
    write(b, change(10, 12, b"12", was=0, now=2))

    def others() -> None:
        write(b, change(18, 20, b"20", was=3, now=2))
        with suppress(Fenced):  # it has looked at the checkpoint long ago, and at the row when that was at 10
            zombie._write(BUILD, change(10, 15, b"15", was=0, now=2), 1)

    held_up(faults, "DeleteItem", views.tables.views, others)
    with suppress(Fenced):
        write(a, change(12, 18, b"18", was=2, now=3))
    assert found(b) == [(2, Row("a", b"20", 20))]


def a_leader_does_not_pass_a_row_that_a_zombie_wrote(views: Views) -> None:
    faults = Faults()
    a = views.open(faults=faults)
    zombie: Any = views.open().rows
    write(a, change(0, 1, b"1"))
    held_up(faults, "UpdateItem", views.tables.views, lambda: zombie._write(BUILD, change(1, 5, b"1 5"), 1))
    with suppress(Fenced):
        write(a, change(1, 9, b"1 5 9"))
    if a.checkpoints.load(BUILD).position < 9:
        write(a, change(row(a).applied, 9, b"1 5 9"))
    assert row(a) == Row("a", b"1 5 9", 9)


def a_late_move_moves_nothing_back(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    held_up(faults, "UpdateItem", views.tables.log, lambda: write(b, position=9))
    with suppress(Fenced):
        write(a, position=5)
    assert b.checkpoints.load(BUILD).position == 9


# who dies


def a_row_written_before_a_death_is_listed(views: Views) -> None:
    """Its reader has nothing more to do for it: the row says that it was folded."""
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    write(b, change(0, 1, b"1", now=1))
    # From the row's write on: whatever comes next is never sent.
    held_up(faults, "UpdateItem", views.tables.views, lambda: faults.outage(meanwhile(die), calls=1))
    with pytest.raises(Died):
        write(a, change(1, 5, b"5", was=1, now=2))
    assert row(b) == Row("a", b"5", 5)
    write(b, position=5)
    assert found(b) == [(2, Row("a", b"5", 5))]


def a_row_not_yet_written_at_a_death_is_listed_as_it_was(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    write(b, change(0, 1, b"1", now=1))
    held_up(faults, "UpdateItem", views.tables.views, die)
    with pytest.raises(Died):
        write(a, change(1, 5, b"5", was=1, now=2))
    assert found(b) == [(1, Row("a", b"1", 1))]
    write(b, change(1, 5, b"5", was=1, now=2))
    assert found(b) == [(2, Row("a", b"5", 5))]


def what_a_death_leaves_in_an_index_is_never_shown(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    write(b, change(0, 1, b"1", now=1))
    held_up(faults, "DeleteItem", views.tables.views, die)
    with pytest.raises(Died):
        write(a, change(1, 5, b"5", was=1, now=2))
    assert len(views.items(views.tables.views, f"|index/{BUILD}/size")) == 2
    assert found(b) == [(2, Row("a", b"5", 5))]
    assert b.rows.find(BUILD, "size", Span(low=1, equal=True), after=None, limit=9) == []


def late_events_come_with_their_move_or_not_at_all(views: Views) -> None:
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    waits = letter(BUILD, "stream:s/1", 3)
    write(b, change(0, 5, b"5"), park=[waits])
    faults.outage(meanwhile(die), calls=1, on=("TransactWriteItems",))
    with pytest.raises(Died):
        write(a, change(5, 5, b"5 3"), position=5, release=[waits])
    assert row(b) == Row("a", b"5", 5)
    assert b.checkpoints.load(BUILD).parked == {"stream:s/1": 3}


def letters_of_a_step_that_died_stay_what_they_are(views: Views) -> None:
    """Redelivered, an event whose lane is parked already looks as if it had to queue."""
    faults = Faults()
    a, b = views.open(faults=faults), views.open()
    lanes = [f"row:{i}" for i in range(5)]
    faults.script("TransactWriteItems", None, None, meanwhile(die))
    park = [letter(BUILD, lane, 7 + i, error="ValueError") for i, lane in enumerate(lanes)]
    with pytest.raises(Died):
        a.checkpoints.move(step(BUILD, 0, 20, park=park))
    now = b.checkpoints.load(BUILD)
    assert (now.position, now.parked) == (0, {"row:0": 7, "row:1": 8, "row:2": 9, "row:3": 10})
    again = [letter(BUILD, lane, 7 + i, "queued") if lane in now.parked else park[i] for i, lane in enumerate(lanes)]
    b.checkpoints.move(step(BUILD, now.revision, 20, park=again))
    assert [(one.lane, one.kind, one.error) for one in b.dead.list()] == [
        (lane, "poison", "ValueError") for lane in lanes
    ]
    assert b.checkpoints.load(BUILD).parked == {lane: 7 + i for i, lane in enumerate(lanes)}
    assert b.checkpoints.load(BUILD).position == 20


def a_lane_stays_parked_while_a_letter_is_left(views: Views) -> None:
    a = views.open()
    poison, waits = letter(BUILD, "row:a", 3), letter(BUILD, "row:a", 5, "queued")
    a.checkpoints.move(Move(BUILD, 0, 5, None, (poison, waits, letter(BUILD, "row:b", 4))))
    a.checkpoints.move(Move(BUILD, a.checkpoints.load(BUILD).revision, 5, None, (), (poison,)))
    assert a.checkpoints.load(BUILD).parked == {"row:a": 5, "row:b": 4}
