"""What Checkpoints and DeadLetters promise: moves that are fenced, leases that expire, letters in order."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from leftfold.core.attempt import Failed
from leftfold.core.errors import Fenced
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Lease, Progress
from leftfold.testing.clock import FrozenClock
from leftfold.testing.contracts.base import Contract, MakeBackend, all_at_once, letter, step


def taken(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


class CheckpointsContract(Contract):
    """Subclass with `make_backend`."""

    # progress

    def test_a_subscriber_that_never_ran_is_at_the_beginning(self, backend: Backend) -> None:
        assert backend.checkpoints.load("v") == Progress(0, 0, {}, None)
        assert backend.checkpoints.names() == []

    def test_a_move_sets_the_position_and_raises_the_revision(self, backend: Backend, clock: FrozenClock) -> None:
        backend.checkpoints.move(step("v", 0, 5))
        first = backend.checkpoints.load("v")
        assert (first.position, first.moved_at) == (5, clock.now())
        backend.checkpoints.move(step("v", first.revision, 9))
        assert backend.checkpoints.load("v").position == 9
        assert backend.checkpoints.load("v").revision > first.revision > 0

    def test_moved_at_is_when_the_position_last_rose(self, backend: Backend, clock: FrozenClock) -> None:
        backend.checkpoints.move(step("v", 0, 5))
        rose = clock.now()
        clock.forward(60)
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 5, park=[letter("v", "row:a", 5)]))
        assert backend.checkpoints.load("v").moved_at == rose
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 6))
        assert backend.checkpoints.load("v").moved_at == clock.now()

    @pytest.mark.parametrize("revision", [0, 2, 99])
    def test_a_move_from_another_revision_is_fenced_and_changes_nothing(self, backend: Backend, revision: int) -> None:
        backend.checkpoints.move(step("v", 0, 5))
        before = backend.checkpoints.load("v")
        with pytest.raises(Fenced):
            backend.checkpoints.move(step("v", revision, 9, park=[letter("v", "row:a", 6)]))
        assert backend.checkpoints.load("v") == before
        assert backend.dead.list() == []

    def test_of_moves_from_the_same_revision_one_wins(self, backend: Backend) -> None:
        results = all_at_once([partial(backend.checkpoints.move, step("v", 0, position)) for position in (5, 6, 7)])
        assert sum(isinstance(one, Failed) and isinstance(one.error, Fenced) for one in results) == 2

    def test_subscribers_move_on_their_own_and_are_named_in_order(self, backend: Backend) -> None:
        for name in ("w", "v", "reaction:r", "v@2.0-ab"):
            backend.checkpoints.move(step(name, 0, len(name)))
        backend.checkpoints.acquire("leased only", "me", 10)
        assert backend.checkpoints.names() == ["reaction:r", "v", "v@2.0-ab", "w"]
        assert [backend.checkpoints.load(name).position for name in ("w", "reaction:r")] == [1, 10]

    # leases

    def test_a_running_lease_keeps_others_out(self, backend: Backend, clock: FrozenClock) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        assert (lease.subscriber, lease.owner, lease.until) == ("v", "me", clock.now() + timedelta(seconds=10))
        clock.forward(9.999)
        assert backend.checkpoints.acquire("v", "you", 10) is None
        assert backend.checkpoints.acquire("w", "you", 10) is not None

    def test_a_renewal_keeps_its_token_and_runs_longer(self, backend: Backend, clock: FrozenClock) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        clock.forward(6)
        again = taken(backend.checkpoints.acquire("v", "me", 10))
        assert (again.token, again.until) == (lease.token, clock.now() + timedelta(seconds=10))
        clock.forward(6)
        assert backend.checkpoints.acquire("v", "you", 10) is None

    def test_a_lease_that_ran_out_goes_to_who_asks_with_a_higher_token(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        clock.forward(10)
        later = taken(backend.checkpoints.acquire("v", "you", 10))
        assert later.token > lease.token
        assert backend.checkpoints.acquire("v", "me", 10) is None

    def test_a_lease_that_was_let_go_is_free_at_once_and_its_next_token_is_higher(self, backend: Backend) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        backend.checkpoints.release(lease)
        assert taken(backend.checkpoints.acquire("v", "you", 10)).token > lease.token

    def test_letting_go_of_a_lease_that_was_lost_changes_nothing(self, backend: Backend, clock: FrozenClock) -> None:
        lost = taken(backend.checkpoints.acquire("v", "me", 10))
        clock.forward(10)
        backend.checkpoints.acquire("v", "you", 10)
        backend.checkpoints.release(lost)
        assert backend.checkpoints.acquire("v", "me", 10) is None

    def test_whoever_holds_the_lease_moves(self, backend: Backend) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        backend.checkpoints.move(step("v", 0, 5, token=lease.token))
        assert backend.checkpoints.load("v").position == 5

    def test_whoever_lost_the_lease_is_fenced(self, backend: Backend, clock: FrozenClock) -> None:
        lost = taken(backend.checkpoints.acquire("v", "me", 10))
        clock.forward(10)
        taken(backend.checkpoints.acquire("v", "you", 10))
        with pytest.raises(Fenced):
            backend.checkpoints.move(step("v", 0, 5, token=lost.token))
        assert backend.checkpoints.load("v") == Progress()

    def test_a_token_that_nobody_got_is_fenced(self, backend: Backend) -> None:
        with pytest.raises(Fenced):
            backend.checkpoints.move(step("v", 0, 5, token=1))

    def test_an_operator_moves_beside_a_lease(self, backend: Backend) -> None:
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        backend.checkpoints.move(step("v", 0, 5))
        with pytest.raises(Fenced):
            backend.checkpoints.move(step("v", 0, 6, token=lease.token))

    def test_of_workers_who_ask_at_once_one_gets_the_lease(self, backend: Backend) -> None:
        def ask(owner: str) -> list[Lease | None]:
            return [backend.checkpoints.acquire("v", owner, 10)]

        got = all_at_once([partial(ask, f"worker {i}") for i in range(5)])
        leases = [one[0] for one in got if not isinstance(one, Failed)]
        assert len(leases) == 5
        assert sum(lease is not None for lease in leases) == 1

    def test_what_one_moved_another_sees(self, backend: Backend, open_backend: MakeBackend) -> None:
        other = open_backend("").checkpoints
        lease = taken(backend.checkpoints.acquire("v", "me", 10))
        backend.checkpoints.move(step("v", 0, 5, token=lease.token, park=[letter("v", "row:a", 4)]))
        assert other.load("v") == backend.checkpoints.load("v")
        assert other.acquire("v", "you", 10) is None

    def test_tenants_share_nothing(self, backend: Backend, open_backend: MakeBackend) -> None:
        other = open_backend("acme")
        backend.checkpoints.acquire("v", "me", 10)
        backend.checkpoints.move(step("v", 0, 5, park=[letter("v", "row:a", 5)]))
        assert other.checkpoints.load("v") == Progress()
        assert other.checkpoints.names() == []
        assert other.dead.list() == []
        assert other.checkpoints.acquire("v", "you", 10) is not None


class DeadLettersContract(Contract):
    """Subclass with `make_backend`."""

    def test_nothing_is_set_aside_at_first(self, backend: Backend) -> None:
        assert backend.dead.list() == []
        assert backend.dead.count() == {}

    def test_a_letter_is_kept_with_the_time_of_its_move(self, backend: Backend, clock: FrozenClock) -> None:
        clock.forward(1.000001)
        poison = letter("v", "row:ä\U0001f600'", 5, error="ValueError: no\nsuch 'thing' \U0001f600")
        backend.checkpoints.move(step("v", 0, 5, park=[poison]))
        (kept,) = backend.dead.list()
        assert kept == replace(poison, at=clock.now())
        clock.forward(60)
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 6))
        assert backend.dead.list() == [kept]

    def test_letters_are_listed_in_position_order_and_may_be_chosen(self, backend: Backend) -> None:
        backend.checkpoints.move(step("v", 0, 12, park=[letter("v", "row:b", 12), letter("v", "row:a", 9)]))
        backend.checkpoints.move(step("w", 0, 11, park=[letter("w", "row:a", 11), letter("w", "row:a", 2)]))
        assert [(one.subscriber, one.position) for one in backend.dead.list()] == [
            ("w", 2), ("v", 9), ("w", 11), ("v", 12),
        ]  # fmt: skip
        assert [one.position for one in backend.dead.list("v")] == [9, 12]
        assert [one.position for one in backend.dead.list("v", "row:a")] == [9]
        assert [one.position for one in backend.dead.list(lane="row:a")] == [2, 9, 11]
        assert [one.position for one in backend.dead.list(limit=3)] == [2, 9, 11]
        assert backend.dead.list("x") == backend.dead.list("v", "row:c") == []

    def test_letters_are_counted_by_subscriber_and_kind(self, backend: Backend) -> None:
        park = [letter("v", "row:a", 1), letter("v", "row:a", 2, "queued"), letter("v", "row:a", 3, "queued")]
        backend.checkpoints.move(step("v", 0, 3, park=park))
        backend.checkpoints.move(step("w", 0, 3, park=[letter("w", "sent:x", 1, "refused")]))
        assert backend.dead.count() == {("v", "poison"): 1, ("v", "queued"): 2, ("w", "refused"): 1}

    def test_a_lane_is_parked_from_its_first_letter_on(self, backend: Backend) -> None:
        park = [
            letter("v", "row:b", 7),
            letter("v", "row:a", 3),
            letter("v", "row:a", 5, "queued"),
            letter("v", "row:c", 6, "skipped", "why"),
            letter("v", "sent:x", 6, "refused"),
        ]
        backend.checkpoints.move(step("v", 0, 7, park=park))
        assert backend.checkpoints.load("v").parked == {"row:a": 3, "row:b": 7}
        assert backend.checkpoints.load("w").parked == {}

    def test_a_released_letter_is_gone_and_its_lane_free_when_none_is_left(self, backend: Backend) -> None:
        poison, queued = letter("v", "row:a", 3), letter("v", "row:a", 5, "queued")
        backend.checkpoints.move(step("v", 0, 5, park=[poison, queued]))
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 5, release=[poison]))
        assert backend.checkpoints.load("v").parked == {"row:a": 5}
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 5, release=[queued]))
        assert backend.checkpoints.load("v").parked == {}
        assert backend.dead.list() == []

    def test_a_letter_released_and_parked_in_one_move_stays_parked_as_the_new_one(self, backend: Backend) -> None:
        poison = letter("v", "row:a", 3, error="first")
        backend.checkpoints.move(step("v", 0, 5, park=[poison]))
        again = letter("v", "row:a", 3, "skipped", "second")
        backend.checkpoints.move(step("v", backend.checkpoints.load("v").revision, 5, park=[again], release=[poison]))
        assert [(one.kind, one.error) for one in backend.dead.list()] == [("skipped", "second")]

    def test_lanes_that_look_alike_are_lanes_of_their_own(self, backend: Backend) -> None:
        lanes = ["row:a", "row:A", "row:a ", "row:%", "row:_", "stream:row/a", "row:a/b", "row:é", "row:e\u0301"]
        backend.checkpoints.move(step("v", 0, 9, park=[letter("v", lane, 1) for lane in lanes]))
        assert backend.checkpoints.load("v").parked == dict.fromkeys(lanes, 1)
        assert [len(backend.dead.list("v", lane)) for lane in lanes] == [1] * len(lanes)
