"""What a page sets aside is written down before its rows are: a worker that dies in between may wake up with other code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Recorded, Session, StoreUnavailable, View
from leftfold.adapters.dynamodb import checkpoints, writing
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import Change
from leftfold.subscriptions.lanes import Lanes
from leftfold.testing import FrozenClock
from tests.dynamodb.views import Views
from tests.testbed.calls import Call
from tests.testbed.faults import Fault, Faults, meanwhile

Figure = Callable[[str, object], None]

write = DynamoRows.write
FIRST_ROW = 3  # after the lease and the letters


class Add(Struct, frozen=True):
    row: str
    hidden: bool = False


class Added(Struct, frozen=True):
    row: str
    hidden: bool = False


class Adding:
    category = "adding"
    initial = 0

    def decide(self, command: Add, state: int) -> list[Added]:
        return [Added(command.row, command.hidden)]

    def evolve(self, state: int, event: Added) -> int:
        return state + 1


class Died(BaseException):
    """The process is gone."""


class Desk:
    """A view whose code can't tell the row of a hidden event, until it is `fixed`."""

    def __init__(self, views: Views, tenant: str) -> None:
        self.views, self.tenant, self.fixed = views, tenant, False
        self.adding = Adding()
        self.view = View("seen", initial=list[int](), evolve=self._evolve, key=self._key)
        self.app = App("desk", deciders=[self.adding], views=[self.view])
        self.session = self.opened()

    def opened(self, faults: Faults | None = None) -> Session:
        return self.app.open(self.views.open(self.tenant, faults))

    def add(self, stream: str, row: str, *, hidden: bool = False) -> None:
        self.session.category(self.adding).handle(stream, Add(row, hidden))

    def rows(self) -> dict[str, list[int]]:
        return {key: self.session.view(self.view).get(key, stale="allow").row for key in ("x", "y")}

    def parked(self) -> dict[str, int]:
        return self.session.backend.checkpoints.load(self.build).parked

    @property
    def build(self) -> str:
        return self.session.builds["seen"].ensure().live or ""

    def retry_all(self) -> None:
        for lane in sorted(self.parked()):
            self.session.operations.retry(self.build, lane)

    def _key(self, event: Recorded[Added]) -> list[str]:
        if event.data.hidden and not self.fixed:
            raise ValueError("can't tell")
        return event.data.row.split(",")

    def _evolve(self, row: list[int], event: Recorded[Added]) -> list[int]:
        return [*row, event.position]


def dies_at(desk: Desk, number: int) -> bool:
    """A worker whose call of this number to DynamoDB, of those that write, is its last. Whether it came to that."""
    faults, seen = Faults(), [0]
    writes = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")

    def is_it(call: Call) -> bool:
        seen[0] += call.operation in writes
        return call.operation in writes and seen[0] == number

    worker = desk.opened(faults)
    desk.session.builds["seen"].ensure()
    faults.outage(meanwhile(die), calls=1, where=is_it)
    try:
        worker.catch_up()
    except Died:
        return True
    return False


def fixed_before_it_comes_again(views: Views, clock: FrozenClock, tenant: str = "n") -> int:
    """Die at every write in turn, each time with the fix deployed before the page comes again."""
    for number in range(1, 50):
        desk = Desk(views, f"{tenant}{number}")
        desk.add("bad", "y")
        desk.add("bad", "x", hidden=True)  # waits, as its row can't be told
        desk.add("good", "x")  # moves the row that it belongs to
        desk.add("bad", "y")
        desk.add("good", "y")
        died = dies_at(desk, number)
        desk.fixed = True
        clock.forward(60)  # the dead worker's lease runs out
        desk.session.catch_up()
        desk.retry_all()
        assert {row: sorted(seen) for row, seen in desk.rows().items()} == {"x": [2, 3], "y": [1, 4, 5]}, number
        assert desk.parked() == {}
        if not died:
            return number
    raise AssertionError("there is no end of writes")


def test_no_event_is_skipped_when_the_fix_comes_between_a_death_and_the_page_again(
    views: Views, clock: FrozenClock, record_property: Figure
) -> None:
    writes = fixed_before_it_comes_again(views, clock)
    assert writes == 6  # five of them: the lease, the letters, two rows, the checkpoint
    record_property("figure", f"P3: poison fixed after a death at each of {writes - 1} writes: nothing skipped")


def parks_last(rows: DynamoRows, build: str, changes: Sequence[Change], move: Move) -> None:
    """The planted bug: letters come with the checkpoint, after the rows."""
    if move.release:
        return write(rows, build, changes, move)
    write(rows, build, changes, replace(move, park=(), position=0))
    revision = rows._checkpoints.load(move.subscriber).revision
    rows._checkpoints.move(replace(move, revision=revision))


def holds_from_the_start(lanes: Lanes, lane: str, position: int) -> bool:
    """The planted bug: what comes before the poison waits too, though the rows may have it already."""
    return lanes.is_parked(lane)


BUGS: dict[str, tuple[type, str, Any]] = {
    "letters after the rows": (DynamoRows, "write", parks_last),
    "a lane holds all of its page": (Lanes, "holds", holds_from_the_start),
}


def test_planted_bugs_of_letters_and_lanes_are_caught(
    views: Views, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    caught: list[str] = []
    for name, (owner, method, bug) in BUGS.items():
        with monkeypatch.context() as patched:
            patched.setattr(owner, method, bug)
            try:
                fixed_before_it_comes_again(views, clock, name.replace(" ", "-"))
            except AssertionError:
                caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"P3: letters first: {len(caught)} of {len(BUGS)} planted bugs caught")


def half_a_page(views: Views, clock: FrozenClock) -> Desk:
    """Letters are parked, rows and checkpoint are not: their worker is dead, its lease over."""
    desk = Desk(views, "half")
    for row in ("x", "y"):
        desk.add("bad", row, hidden=True)
    assert dies_at(desk, FIRST_ROW)
    assert desk.parked() == {"stream:adding/bad": 1}
    assert desk.session.backend.checkpoints.load(desk.build).position == 0
    clock.forward(60)
    return desk


def test_an_operator_leaves_alone_what_no_checkpoint_has_passed(views: Views, clock: FrozenClock) -> None:
    desk = half_a_page(views, clock)
    desk.fixed = True
    assert desk.session.operations.retry(desk.build, "stream:adding/bad") == 2
    with pytest.raises(StoreUnavailable, match="try again"):
        desk.session.operations.skip(desk.build, "stream:adding/bad", reason="in the way")
    desk.session.catch_up()
    assert desk.session.operations.retry(desk.build, "stream:adding/bad") == 0
    assert desk.rows() == {"x": [1], "y": [2]}


def test_an_event_of_more_rows_than_a_step_holds_is_freed_row_by_row(
    views: Views, clock: FrozenClock, record_property: Figure
) -> None:
    desk, rows = Desk(views, "wide"), [f"r{number}" for number in range(100)]
    desk.add("bad", ",".join(rows), hidden=True)
    desk.add("bad", "r3")
    desk.add("good", "r4")
    desk.session.catch_up()
    desk.fixed = True
    assert desk.session.operations.retry(desk.build, "stream:adding/bad") == 0
    assert desk.parked() == {f"row:{row}": 1 for row in rows}
    assert "retry each by itself" in (desk.session.view(desk.view).get("r3", stale="allow").blocked_by or "")
    desk.add("good", "r5")
    desk.session.catch_up()
    desk.retry_all()
    assert desk.parked() == {}
    found = dict(desk.session.view(desk.view).scan())
    assert {row: sorted(seen) for row, seen in found.items()} == {
        **{row: [1] for row in rows},
        "r3": [1, 2],
        "r4": [1, 3],
        "r5": [1, 4],
    }
    record_property("figure", f"dynamodb rows: one event of {len(rows)} rows freed from its stream's lane")


def test_a_death_while_it_is_spread_skips_and_doubles_nothing(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "TRANSACTION_ITEMS", 12)
    monkeypatch.setattr(checkpoints, "LETTERS_A_STEP", 8)
    rows, deaths = [f"r{number}" for number in range(12)], 0
    for number in range(1, 8):
        desk, faults = Desk(views, f"spread{number}"), Faults()
        desk.add("bad", ",".join(rows), hidden=True)
        desk.session.catch_up()
        desk.fixed = True
        operator = desk.opened(faults)
        steps: list[Fault | None] = [None] * (number - 1)
        faults.script("TransactWriteItems", *steps, meanwhile(die))
        try:
            operator.operations.retry(desk.build, "stream:adding/bad")
        except Died:
            deaths += 1
        desk.retry_all()
        desk.retry_all()  # what the first one has put into the rows' lanes
        assert dict(desk.session.view(desk.view).scan()) == {row: [1] for row in rows}, number
        assert desk.parked() == {}
    assert deaths >= 3


def die() -> None:
    raise Died
