"""What a Log promises: all commits in one order, dense positions, and receipts that name a place in it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from leftfold.core.attempt import Failed
from leftfold.core.commits import Commit
from leftfold.core.errors import Conflict, Rejected
from leftfold.core.streams import Receipt
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.testing.contracts.base import Contract, MakeBackend, all_at_once, append_many, commit, framed

COMMITS = 40  # a writer


class LogContract(Contract):
    """Subclass with `make_backend`."""

    def test_an_empty_log_ends_at_zero(self, backend: Backend) -> None:
        assert backend.log.end() == 0
        assert backend.log.page() == []

    def test_positions_are_dense_from_one_in_the_order_of_the_commits(self, backend: Backend) -> None:
        backend.store.append(commit("account/ann", 0, b"1", b"2"))
        self.settle(backend)
        backend.store.append(commit("account/bob", 0, b"3"))
        self.settle(backend)
        backend.store.append(commit("account/ann", 2, b"4"))
        self.settle(backend)
        assert [(one.position, one.version, one.type, one.body) for one in backend.log.page()] == [
            (1, 0, "Happened", b"1"), (2, 0, "Happened", b"2"), (3, 0, "Happened", b"3"), (4, 0, "Happened", b"4"),
        ]  # fmt: skip
        assert backend.log.end() == 4

    def test_streams_name_the_same_positions_as_the_log(self, backend: Backend) -> None:
        for seen in range(3):
            append_here = commit("account/ann", seen, b"ann%d" % seen)
            backend.store.append(append_here)
            backend.store.append(commit("account/bob", seen, b"bob%d" % seen))
        self.settle(backend)
        by_position = {stored.position: stored.body for stored in backend.log.page()}
        for stream in ("account/ann", "account/bob"):
            for stored in backend.log.history(stream):
                assert by_position[stored.position] == stored.body
            for stored in backend.store.read(stream):
                assert not stored.position or by_position[stored.position] == stored.body
            assert [one.version for one in backend.log.history(stream, after=1, limit=1)] == [2]

    def test_the_events_of_a_stream_stand_in_version_order(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"%d" % i for i in range(5)])
        self.settle(backend)
        assert [stored.body for stored in backend.log.page()] == [b"0", b"1", b"2", b"3", b"4"]

    def test_an_event_of_two_streams_appears_once(self, backend: Backend) -> None:
        both = framed(("course/c1", 1), ("student/s1", 1), body=b"both")
        backend.store.append(Commit("course/c1", {"course/c1": 0, "student/s1": 0}, (both,)))
        self.settle(backend)
        assert [stored.body for stored in backend.log.page()] == [b"both"]

    def test_a_commit_that_lost_leaves_no_gap(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1"])
        with pytest.raises(Conflict):
            backend.store.append(commit("account/ann", 0, b"lost"))
        backend.store.append(commit("account/ann", 1, b"2"))
        self.settle(backend)
        assert [(one.position, one.body) for one in backend.log.page()] == [(1, b"1"), (2, b"2")]

    def test_a_page_starts_after_a_position_and_is_shorter_than_its_limit_only_at_the_end(
        self, backend: Backend
    ) -> None:
        append_many(backend, "account/ann", [b"1", b"2", b"3", b"4"])
        self.settle(backend)

        def positions(after: int, limit: int) -> list[int]:
            return [stored.position for stored in backend.log.page(after=after, limit=limit)]

        assert positions(0, 3) == [1, 2, 3]
        assert positions(3, 3) == [4]
        assert positions(1, 2) == [2, 3]
        assert positions(4, 3) == positions(99, 3) == []

    def test_a_long_log_is_read_a_page_at_a_time(self, backend: Backend) -> None:
        backend.store.append(commit("account/ann", 0, *[b"x"] * 300))
        backend.store.append(commit("account/ann", 300, *[b"x"] * (PAGE_EVENTS - 299)))
        self.settle(backend)
        assert [stored.position for stored in backend.log.page()] == list(range(1, PAGE_EVENTS + 1))
        assert [stored.position for stored in backend.log.page(after=PAGE_EVENTS)] == [PAGE_EVENTS + 1]

    def test_a_receipt_names_the_position_of_its_commits_last_event(
        self, backend: Backend, open_backend: MakeBackend
    ) -> None:
        one = backend.store.append(commit("account/ann", 0, b"1", b"2"))
        self.settle(backend)
        two = backend.store.append(commit("account/bob", 0, b"3"))
        self.settle(backend)
        assert [backend.log.locate(receipt) for receipt in (one.receipt, two.receipt)] == [2, 3]
        assert one.position in (0, 2)
        assert two.position in (0, 3)
        assert open_backend("").log.locate(one.receipt) == 2

    def test_a_receipt_is_short_and_safe_in_a_header(self, backend: Backend) -> None:
        receipt = backend.store.append(commit("account/\U0001f600", 0, b"1")).receipt
        assert 0 < len(receipt) <= 128
        assert receipt.isascii()
        assert receipt.isprintable()
        assert " " not in receipt

    def test_a_receipt_of_another_store_is_rejected(self, backend: Backend, open_backend: MakeBackend) -> None:
        made = [open_backend(tenant).store.append(commit("account/ann", 0, b"1")).receipt for tenant in ("acme", "b")]
        for receipt in made:
            with pytest.raises(Rejected):
                backend.log.locate(receipt)

    @pytest.mark.parametrize("ending", ["", ".", ".x", ".-1", ".1.1", ".1 ", ".\u0663", "\x00", "." + "9" * 5000])
    def test_a_receipt_that_nobody_made_is_rejected(self, backend: Backend, ending: str) -> None:
        mine = backend.store.append(commit("account/ann", 0, b"1")).receipt
        for start in ("", "x", mine.partition(".")[0], "\U0001f600"):
            with pytest.raises(Rejected):
                backend.log.locate(Receipt(start + ending))

    def test_writers_at_once_lose_nothing_and_leave_no_gap(self, backend: Backend) -> None:
        def write(stream: str) -> None:
            append_many(backend, stream, [stream.encode()] * COMMITS)

        streams = ["account/ann", "account/bob", "account/cid"]
        assert not [
            one for one in all_at_once([partial(write, stream) for stream in streams]) if isinstance(one, Failed)
        ]
        self.settle(backend)
        page = backend.log.page()
        assert [stored.position for stored in page] == list(range(1, COMMITS * len(streams) + 1))
        assert sorted(stored.body for stored in page) == sorted(s.encode() for s in streams for _ in range(COMMITS))

    def test_the_events_of_a_commit_stand_together_whoever_else_writes(self, backend: Backend) -> None:
        def write(stream: str) -> None:
            for seen in range(0, 30, 3):
                backend.store.append(commit(stream, seen, *[stream.encode() + b" %d" % seen] * 3))

        results = all_at_once([partial(write, stream) for stream in ("account/ann", "account/bob", "account/cid")])
        assert not [one for one in results if isinstance(one, Failed)]
        self.settle(backend)
        bodies = [stored.body for stored in backend.log.page()]
        assert len(bodies) == 90
        assert all(len({*bodies[i : i + 3]}) == 1 for i in range(0, 90, 3))

    def test_a_reader_beside_the_writers_never_sees_a_gap(self, backend: Backend, open_backend: MakeBackend) -> None:
        reader, finished, seen = open_backend("").log, threading.Event(), list[int]()

        def write(stream: str) -> None:
            append_many(backend, stream, [b"x"] * COMMITS)
            self.settle(backend)

        def follow() -> None:
            while True:
                written, end = finished.is_set(), reader.end()
                page = reader.page(after=len(seen), limit=7)
                seen.extend(stored.position for stored in page)
                assert seen == list(range(1, len(seen) + 1))
                assert len(page) == 7 or len(seen) >= end
                if written and not page:
                    return

        def writers() -> None:
            results = all_at_once([partial(write, stream) for stream in ("account/ann", "account/bob")])
            finished.set()
            assert not [one for one in results if isinstance(one, Failed)]

        failures = [one for one in all_at_once([follow, writers]) if isinstance(one, Failed)]
        assert not failures, failures
        assert len(seen) == 2 * COMMITS
