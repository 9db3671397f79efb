"""Checkpoints, leases and letters on DynamoDB: lost replies, many letters, many lanes, what a move costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from leftfold.adapters.dynamodb import checkpoints
from leftfold.adapters.dynamodb.parked import INLINE_BYTES
from leftfold.core.attempt import Failed
from leftfold.core.errors import Fenced, TooLarge
from leftfold.ports.checkpoints import Lease, Progress
from leftfold.ports.rows import Builds
from leftfold.testing import FrozenClock
from leftfold.testing.contracts.base import all_at_once, letter, step
from tests.dynamodb.views import Views
from tests.testbed.calls import Tally
from tests.testbed.faults import CONFLICT, LOST, SLOW_DOWN, Faults, meanwhile

Figure = Callable[[str, object], None]

MOVES = 60
HALF_LOST = 0.5


def taken(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


# lost replies


def moved_with_lost_replies(views: Views) -> Faults:
    """A worker with a lease takes its steps, every third with a letter, while half of the replies are lost."""
    faults = Faults(seed=3).rate(HALF_LOST, *LOST, on=("UpdateItem", "TransactWriteItems"))
    backend = views.open(faults=faults)
    lease = taken(backend.checkpoints.acquire("v", "me", 1000))
    for number in range(MOVES):
        park = [letter("v", f"row:{number}", number + 1)] if number % 3 == 0 else []
        backend.checkpoints.move(step("v", number, number + 1, token=lease.token, park=park))
    progress = views.open().checkpoints.load("v")
    assert (progress.position, progress.revision) == (MOVES, MOVES)
    assert len(progress.parked) == len(views.open().dead.list("v")) == MOVES // 3
    return faults


def test_a_move_whose_reply_was_lost_is_known_as_ones_own(views: Views, record_property: Figure) -> None:
    faults = moved_with_lost_replies(views)
    lost = faults.injected.total()
    record_property("figure", f"dynamodb checkpoints: {MOVES} moves, {lost} replies lost, 0 false fences")
    assert lost > MOVES / 2


def test_without_knowing_its_own_moves_a_worker_fences_itself(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_is_from", lambda at, nonce: False)
    with pytest.raises(Fenced):
        moved_with_lost_replies(views)


def test_a_transaction_of_ones_own_is_known_when_its_token_was_forgotten(views: Views) -> None:
    """The service knows a token for ten minutes; here the whole request arrives again as a new one."""
    faults = Faults().script("TransactWriteItems", LOST[0])
    backend = views.open(faults=faults)
    client = backend.checkpoints._calls.client  # type: ignore[attr-defined]
    tokens = iter(range(9))

    def other_token(params: dict[str, object], **_: object) -> None:
        if "ClientRequestToken" in params:
            params["ClientRequestToken"] = f"another {next(tokens)}"

    client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", other_token)
    backend.checkpoints.move(step("v", 0, 5, park=[letter("v", "row:a", 5)]))
    assert faults.injected.total() == 1
    assert next(tokens) == 2
    assert backend.checkpoints.load("v").revision == 1


def test_a_lease_whose_reply_was_lost_is_ones_own_and_its_only_token_moves(views: Views, clock: FrozenClock) -> None:
    faults = Faults(seed=5).rate(HALF_LOST, *LOST, on=("UpdateItem",))
    backend, other = views.open(faults=faults), views.open()
    for number in range(20):
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        assert lease.token == 2 * number + 1
        assert other.checkpoints.acquire("v", "you", 10) is None
        backend.checkpoints.move(step("v", number, number + 1, token=lease.token))
        clock.forward(10)
        theirs = taken(other.checkpoints.acquire("v", "you", 10))
        with pytest.raises(Fenced):
            backend.checkpoints.move(step("v", number + 1, number + 2, token=lease.token))
        other.checkpoints.release(theirs)
    assert faults.injected.total() > 10


def test_busy_and_throttled_transactions_are_sent_again(views: Views) -> None:
    faults = Faults(seed=2).rate(0.5, CONFLICT, *SLOW_DOWN)
    backend = views.open(faults=faults)
    for number in range(20):
        backend.checkpoints.move(step("v", number, number + 1, park=[letter("v", f"row:{number}", number + 1)]))
    assert len(views.open().dead.list("v")) == 20
    assert faults.injected.total() > 10


def test_pointers_whose_reply_was_lost_are_known_as_ones_own(views: Views) -> None:
    faults = Faults(seed=1).rate(HALF_LOST, *LOST, on=("PutItem", "TransactWriteItems"))
    backend, now = views.open(faults=faults), Builds()
    for number in range(20):
        after = Builds(live=f"v@{number}.0", previous=now.live)
        assert backend.catalog.point("v", now, after, aliases={}, caught_up=number % 2 == 0)
        now = after
    assert views.open().catalog.builds("v") == now
    assert faults.injected.total() > 10


def test_a_build_overtaken_on_the_way_is_looked_at_again(views: Views) -> None:
    faults, other = Faults(), views.open()
    other.checkpoints.move(step("v@1.0", 0, 5))
    other.checkpoints.move(step("v@2.0", 0, 5))
    faults.outage(meanwhile(lambda: other.checkpoints.move(step("v@1.0", 1, 6))), calls=1, on=("TransactWriteItems",))
    first, second = Builds(live="v@1.0"), Builds(live="v@2.0", previous="v@1.0")
    backend = views.open(faults=faults)
    assert backend.catalog.point("v", Builds(), first, aliases={}, caught_up=False)
    assert not backend.catalog.point("v", first, second, aliases={}, caught_up=True)
    assert backend.catalog.builds("v") == first
    other.checkpoints.move(step("v@2.0", 1, 6))
    assert backend.catalog.point("v", first, second, aliases={}, caught_up=True)


# many letters, many lanes


def test_a_move_parks_more_letters_than_a_transaction_holds(views: Views) -> None:
    backend = views.open()
    lease = taken(backend.checkpoints.acquire("v", "me", 10))
    park = [letter("v", f"row:{i % 100}", i + 1, "queued" if i >= 100 else "poison") for i in range(250)]
    backend.checkpoints.move(step("v", 0, 250, token=lease.token, park=park))
    progress = backend.checkpoints.load("v")
    assert progress.position == 250
    assert progress.parked == {f"row:{i}": i + 1 for i in range(100)}
    assert [one.position for one in backend.dead.list("v")] == list(range(1, 251))
    assert backend.dead.count() == {("v", "poison"): 100, ("v", "queued"): 150}


def test_a_move_releases_no_more_letters_than_a_transaction_holds(views: Views) -> None:
    backend = views.open()
    park = [letter("v", "row:a", i + 1, "queued" if i else "poison") for i in range(120)]
    backend.checkpoints.move(step("v", 0, 120, park=park))
    before = backend.checkpoints.load("v")
    with pytest.raises(TooLarge):
        backend.checkpoints.move(step("v", before.revision, 120, release=park))
    assert backend.checkpoints.load("v") == before
    assert len(backend.dead.list("v")) == 120
    backend.checkpoints.move(step("v", before.revision, 120, release=park[:90]))
    assert backend.checkpoints.load("v").parked == {"row:a": 91}


def many_lanes(count: int) -> dict[str, int]:
    """Long ones that don't compress well."""
    import hashlib

    return {
        "row:" + "".join(hashlib.sha256(f"{lane} {part}".encode()).hexdigest() for part in range(15)): lane + 1
        for lane in range(count)
    }


def test_more_lanes_than_an_item_holds_are_parked_beside_the_checkpoint(views: Views, record_property: Figure) -> None:
    lanes, backend = many_lanes(900), views.open()
    park = [letter("v", lane, position) for lane, position in lanes.items()]
    backend.checkpoints.move(step("v", 0, 900, park=park))
    progress = backend.checkpoints.load("v")
    assert progress == Progress(900, progress.revision, lanes, views.clock.now())
    mark = views.aws.calls.mark()
    backend.checkpoints.move(step("v", progress.revision, 901))
    units = views.aws.calls.since(mark).write_units
    record_property("figure", f"dynamodb checkpoints: a move beside 900 parked lanes of 1 KB, {units:g} write unit")
    assert units == 1
    assert (
        len(views.items(views.tables.log, "|parked/v")) == 2
    )  # of the last step only; hex digits take half their size
    now = backend.checkpoints.load("v").revision
    backend.checkpoints.move(step("v", now, 901, release=park[:90]))
    assert backend.checkpoints.load("v").parked == dict(list(lanes.items())[90:])


def test_lanes_that_moved_while_they_were_read_are_read_again(views: Views) -> None:
    lanes, other = many_lanes(10), views.open()
    park = [letter("v", lane, position) for lane, position in lanes.items()]
    other.checkpoints.move(step("v", 0, 10, park=park))
    assert len(views.items(views.tables.log, "|parked/v")) == 1
    assert sum(len(lane) for lane in lanes) > INLINE_BYTES
    faults = Faults().script(
        "BatchGetItem", meanwhile(partial(other.checkpoints.move, step("v", 1, 10, release=park[:1])))
    )
    assert views.open(faults=faults).checkpoints.load("v").parked == dict(list(lanes.items())[1:])


def test_a_fenced_step_leaves_no_lanes_behind(views: Views) -> None:
    park = [letter("v", lane, position) for lane, position in many_lanes(10).items()]
    other = views.open()
    faults = Faults()
    faults.outage(meanwhile(lambda: other.checkpoints.move(step("v", 0, 1))), calls=1, on=("TransactWriteItems",))
    with pytest.raises(Fenced):
        views.open(faults=faults).checkpoints.move(step("v", 0, 10, park=park))
    assert views.items(views.tables.log, "|parked/v") == []
    assert other.checkpoints.load("v").parked == {}


def test_letters_of_long_lanes_are_letters_of_their_own(views: Views) -> None:
    long = "row:" + "é" * 510
    backend = views.open()
    lanes = [long + "a", long + "b", long]
    backend.checkpoints.move(step("v", 0, 5, park=[letter("v", lane, 5) for lane in lanes]))
    assert backend.checkpoints.load("v").parked == dict.fromkeys(lanes, 5)
    assert {one.lane for one in backend.dead.list("v")} == set(lanes)
    assert [one.lane for one in backend.dead.list("v", long + "b")] == [long + "b"]


# steps at once


def test_of_a_workers_and_an_operators_steps_at_once_one_counts(views: Views) -> None:
    a, b = views.open(), views.open()
    for number in range(10):
        steps = [
            partial(a.checkpoints.move, step("v", number, number + 1)),
            partial(b.checkpoints.move, step("v", number, number + 1, park=[letter("v", f"row:{number}", number + 1)])),
        ]
        fenced = [one for one in all_at_once(steps) if isinstance(one, Failed)]
        assert [type(one.error) for one in fenced] == [Fenced]
        assert a.checkpoints.load("v").revision == number + 1


# costs


def test_a_move_is_one_write_unit_and_no_read(views: Views, record_property: Figure) -> None:
    backend = views.open()
    lease = taken(backend.checkpoints.acquire("v", "me", 10))
    backend.checkpoints.move(step("v", 0, 1, token=lease.token))
    mark = views.aws.calls.mark()
    backend.checkpoints.move(step("v", 1, 2, token=lease.token))
    told: Tally = views.aws.calls.since(mark)
    record_property("figure", f"dynamodb checkpoints: a move {told.write_units:g} WCU, {told.read_units:g} RCU")
    assert (len(told), told.write_units, told.read_units) == (1, 1, 0)
    mark = views.aws.calls.mark()
    backend.checkpoints.load("v")
    backend.checkpoints.acquire("v", "me", 10)
    told = views.aws.calls.since(mark)
    assert (told.write_units, told.read_units) == (1, 2)
