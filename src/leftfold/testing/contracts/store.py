"""What an EventStore promises: streams with dense versions, commits that are whole, command ids that count once."""

from __future__ import annotations

from functools import partial

import pytest

from leftfold.core.attempt import Failed
from leftfold.core.commits import Commit
from leftfold.core.errors import ConfigError, Conflict
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.testing.contracts.base import (
    HOSTILE_BYTES,
    HOSTILE_KEYS,
    Contract,
    MakeBackend,
    all_at_once,
    append_many,
    bodies,
    commit,
    framed,
)


class StoreContract(Contract):
    """Subclass with `make_backend`."""

    # reading

    def test_a_stream_that_nobody_wrote_is_empty(self, backend: Backend) -> None:
        assert backend.store.read("account/ann") == []
        assert backend.store.last("account/ann") is None

    @pytest.mark.parametrize("body", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
    def test_an_event_reads_back_as_the_exact_bytes_that_were_appended(self, backend: Backend, body: bytes) -> None:
        backend.store.append(commit("account/ann", 0, body))
        (stored,) = backend.store.read("account/ann")
        assert (stored.version, stored.type, stored.body) == (1, "Happened", body)
        assert backend.store.last("account/ann") == stored

    def test_versions_are_dense_from_one(self, backend: Backend) -> None:
        backend.store.append(commit("account/ann", 0, b"1", b"2"))
        backend.store.append(commit("account/ann", 2, b"3"))
        assert [(one.version, one.body) for one in backend.store.read("account/ann")] == [
            (1, b"1"), (2, b"2"), (3, b"3"),
        ]  # fmt: skip

    def test_a_page_starts_after_a_version_and_is_shorter_than_its_limit_only_at_the_end(
        self, backend: Backend
    ) -> None:
        append_many(backend, "account/ann", [b"1", b"2", b"3", b"4"])

        def versions(after: int, limit: int) -> list[int]:
            return [stored.version for stored in backend.store.read("account/ann", after=after, limit=limit)]

        assert versions(0, 3) == [1, 2, 3]
        assert versions(3, 3) == [4]
        assert versions(1, 2) == [2, 3]
        assert versions(4, 3) == versions(99, 3) == []

    def test_a_long_stream_is_read_a_page_at_a_time(self, backend: Backend) -> None:
        every = [b"%d" % i for i in range(PAGE_EVENTS + 1)]
        backend.store.append(commit("account/ann", 0, *every[:300]))
        backend.store.append(commit("account/ann", 300, *every[300:]))
        first = backend.store.read("account/ann")
        rest = backend.store.read("account/ann", after=first[-1].version)
        assert [stored.body for stored in first + rest] == every
        assert (len(first), len(rest)) == (PAGE_EVENTS, 1)

    def test_the_last_event_is_the_one_of_the_highest_version(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1", b"2", b"3"])
        last = backend.store.last("account/ann")
        assert last is not None
        assert (last.version, last.body) == (3, b"3")

    def test_keys_that_look_alike_are_streams_of_their_own(self, backend: Backend) -> None:
        for key in HOSTILE_KEYS:
            backend.store.append(commit(f"account/{key}", 0, key.encode()))
        for key in HOSTILE_KEYS:
            assert bodies(backend, f"account/{key}") == [key.encode()]

    def test_what_was_appended_is_seen_by_whoever_opens_the_same_data(
        self, backend: Backend, open_backend: MakeBackend
    ) -> None:
        other = open_backend("")
        backend.store.append(commit("account/ann", 0, b"1", command_id="c1"))
        assert bodies(other, "account/ann") == [b"1"]
        assert other.store.find("c1", "account/ann", forever=False) is not None
        with pytest.raises(Conflict):
            other.store.append(commit("account/ann", 0, b"2"))

    # expected versions

    @pytest.mark.parametrize("seen", [0, 1, 3, 99])
    def test_a_commit_from_another_version_is_a_conflict_that_says_what_it_found(
        self, backend: Backend, seen: int
    ) -> None:
        append_many(backend, "account/ann", [b"1", b"2"])
        with pytest.raises(Conflict) as raised:
            backend.store.append(commit("account/ann", seen, b"x"))
        assert (raised.value.stream, raised.value.expected, raised.value.actual) == ("account/ann", seen, 2)
        assert bodies(backend, "account/ann") == [b"1", b"2"]

    def test_a_guard_that_holds_lets_the_commit_pass_and_leaves_its_stream_alone(self, backend: Backend) -> None:
        append_many(backend, "course/c1", [b"1"])
        backend.store.append(commit("student/s1", 0, b"x", guards={"course/c1": 1, "course/c2": 0}))
        assert bodies(backend, "student/s1") == [b"x"]
        assert bodies(backend, "course/c1") == [b"1"]
        assert bodies(backend, "course/c2") == []

    @pytest.mark.parametrize("guard", [{"course/c1": 0}, {"course/c1": 2}, {"course/c2": 1}])
    def test_a_guard_that_does_not_hold_stops_the_whole_commit(self, backend: Backend, guard: dict[str, int]) -> None:
        append_many(backend, "course/c1", [b"1"])
        with pytest.raises(Conflict) as raised:
            backend.store.append(commit("student/s1", 0, b"x", guards=guard))
        assert {raised.value.stream: raised.value.expected} == guard
        assert bodies(backend, "student/s1") == []

    def test_of_callers_who_saw_the_same_version_one_wins(self, backend: Backend) -> None:
        def append(body: bytes) -> bytes:
            backend.store.append(commit("account/ann", 0, body))
            return body

        results = all_at_once([partial(append, b"%d" % i) for i in range(6)])
        (winner,) = [one for one in results if not isinstance(one, Failed)]
        assert all(isinstance(one.error, Conflict) for one in results if isinstance(one, Failed))
        assert bodies(backend, "account/ann") == [winner]

    def test_of_two_callers_who_guard_what_the_other_writes_one_wins(self, backend: Backend) -> None:
        results = all_at_once(
            [
                lambda: backend.store.append(commit("on/call-ann", 0, guards={"on/call-bob": 0})),
                lambda: backend.store.append(commit("on/call-bob", 0, guards={"on/call-ann": 0})),
            ]
        )
        assert sum(isinstance(one, Failed) for one in results) == 1

    # several streams

    def test_an_event_of_two_streams_takes_the_next_slot_of_each(self, backend: Backend) -> None:
        append_many(backend, "course/c1", [b"1"])
        enrolled = framed(("course/c1", 2), ("student/s1", 1), body=b"both")
        backend.store.append(Commit("course/c1", {"course/c1": 1, "student/s1": 0}, (enrolled,)))
        assert [(one.version, one.body) for one in backend.store.read("course/c1")] == [(1, b"1"), (2, b"both")]
        assert [(one.version, one.body) for one in backend.store.read("student/s1")] == [(1, b"both")]

    @pytest.mark.parametrize("wrong", ["course/c1", "student/s1"])
    def test_a_commit_over_two_streams_is_written_whole_or_not_at_all(self, backend: Backend, wrong: str) -> None:
        append_many(backend, wrong, [b"other"])
        events = (framed(("course/c1", 1), body=b"c"), framed(("student/s1", 1), body=b"s"))
        expected = {"course/c1": 0, "student/s1": 0}
        with pytest.raises(Conflict) as raised:
            backend.store.append(Commit("course/c1", expected, events, command_id="c1"))
        assert raised.value.stream == wrong
        assert [bodies(backend, name) for name in expected] == [
            [b"other"] if name == wrong else [] for name in expected
        ]
        assert backend.store.find("c1", "course/c1", forever=True) is None

    # command ids

    def test_a_command_id_appends_once_to_its_stream(self, backend: Backend) -> None:
        first = backend.store.append(commit("account/ann", 0, b"1", b"2", command_id="c1"))
        backend.store.append(commit("account/ann", 2, b"3", command_id="c2"))
        with pytest.raises(Conflict):
            backend.store.append(commit("account/ann", 3, b"again", command_id="c1"))
        assert bodies(backend, "account/ann") == [b"1", b"2", b"3"]
        found = backend.store.find("c1", "account/ann", forever=False)
        assert found is not None
        assert found.receipt == first.receipt
        assert [(one.type, one.body) for one in found.events] == [("Happened", b"1"), ("Happened", b"2")]

    def test_a_command_id_appends_once_to_the_streams_that_its_commit_names(
        self, backend: Backend, open_backend: MakeBackend
    ) -> None:
        other = open_backend("")
        assert len(other.store.read("course/c1")) == 0
        event = framed(("student/s1", 1), body=b"1")
        backend.store.append(Commit("student/s1", {"course/c1": 0, "student/s1": 0}, (event,), "c1"))
        for store in (backend.store, other.store):
            assert len(store.read("student/s1")) == 1
            again = framed(("course/c1", 1), body=b"again")
            with pytest.raises(Conflict):
                store.append(Commit("course/c1", {"course/c1": 0, "student/s1": 1}, (again,), "c1"))
            assert store.read("course/c1") == []
        assert backend.store.find("c1", "student/s1", forever=False) is not None

    def test_a_command_id_that_lost_its_race_is_free(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1"])
        with pytest.raises(Conflict):
            backend.store.append(commit("account/ann", 0, b"2", command_id="c1"))
        assert backend.store.find("c1", "account/ann", forever=False) is None
        backend.store.append(commit("account/ann", 1, b"2", command_id="c1"))
        assert bodies(backend, "account/ann") == [b"1", b"2"]

    def test_a_command_id_may_be_used_on_another_stream(self, backend: Backend) -> None:
        backend.store.append(commit("account/ann", 0, b"1", command_id="c1"))
        assert backend.store.find("c1", "account/bob", forever=False) is None
        backend.store.append(commit("account/bob", 0, b"2", command_id="c1"))
        found = backend.store.find("c1", "account/bob", forever=False)
        assert found is not None
        assert [one.body for one in found.events] == [b"2"]

    def test_a_command_id_that_counts_forever_appends_once_to_any_stream(self, backend: Backend) -> None:
        first = backend.store.append(commit("account/ann", 0, b"1", command_id="c1", once="forever"))
        with pytest.raises(Conflict):
            backend.store.append(commit("account/bob", 0, b"2", command_id="c1", once="forever"))
        assert bodies(backend, "account/bob") == []
        for stream in ("account/ann", "account/bob"):
            found = backend.store.find("c1", stream, forever=True)
            assert found is not None
            assert (found.receipt, [one.body for one in found.events]) == (first.receipt, [b"1"])
        assert backend.store.find("c1", "account/ann", forever=False) is not None

    def test_commands_without_an_id_are_never_the_same(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1", b"1"])
        assert bodies(backend, "account/ann") == [b"1", b"1"]

    def test_command_ids_that_look_alike_are_ids_of_their_own(self, backend: Backend) -> None:
        for seen, key in enumerate(HOSTILE_KEYS):
            backend.store.append(commit("account/ann", seen, key.encode(), command_id=key[:500]))
        for key in HOSTILE_KEYS:
            found = backend.store.find(key[:500], "account/ann", forever=False)
            assert found is not None
            assert [one.body for one in found.events] == [key.encode()]

    def test_of_callers_with_the_same_command_id_one_wins(self, backend: Backend) -> None:
        commits = [commit(f"account/{i}", 0, command_id="c1", once="forever") for i in range(4)]
        tasks = [partial(backend.store.append, one) for one in commits]
        results = all_at_once(tasks)
        assert sum(not isinstance(one, Failed) for one in results) == 1
        assert all(isinstance(one.error, Conflict) for one in results if isinstance(one, Failed))

    # the end of the log as a condition

    def test_a_condition_on_the_end_of_the_log_is_kept_or_refused_loudly(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1"])
        self.settle(backend)
        try:
            backend.store.append(commit("account/bob", 0, b"2", log_end=1))
        except ConfigError:
            assert bodies(backend, "account/bob") == []
            return
        self.settle(backend)
        with pytest.raises(Conflict):
            backend.store.append(commit("account/cid", 0, b"3", log_end=1))
        assert bodies(backend, "account/cid") == []
        assert bodies(backend, "account/bob") == [b"2"]

    # several commits at once

    def test_commits_made_durable_together_are_each_whole_by_themselves(self, backend: Backend) -> None:
        append_many(backend, "account/bob", [b"1"])
        commits = [
            commit("account/ann", 0, b"1", command_id="c1"),
            commit("account/bob", 0, b"late", command_id="c2"),
            commit("account/ann", 1, b"2"),
            commit("account/ann", 2, b"again", command_id="c1"),
            commit("account/cid", 0, b"1", guards={"account/dan": 1}),
            commit("account/dan", 0, b"2", guards={"account/eve": 0}),
        ]
        answers = backend.store.append_all(commits)
        assert [isinstance(one, Conflict) for one in answers] == [False, True, False, True, True, False]
        assert bodies(backend, "account/ann") == [b"1", b"2"]
        assert bodies(backend, "account/bob") == [b"1"]
        assert bodies(backend, "account/cid") == []
        assert bodies(backend, "account/dan") == [b"2"]
        found = backend.store.find("c1", "account/ann", forever=False)
        first = answers[0]
        assert found is not None
        assert not isinstance(first, Conflict)
        assert found.receipt == first.receipt
        assert backend.store.find("c2", "account/bob", forever=False) is None

    def test_a_commit_that_builds_on_one_that_lost_loses_even_when_its_version_fits(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"foreign"])
        commits = [
            commit("account/ann", 0, b"mine"),
            commit("account/ann", 1, b"decided on mine"),
            commit("account/bob", 0, b"guarding mine", guards={"account/ann": 1}),
            commit("account/cid", 0, b"of its own"),
        ]
        answers = backend.store.append_all(commits)
        assert [isinstance(one, Conflict) for one in answers] == [True, True, True, False]
        assert bodies(backend, "account/ann") == [b"foreign"]
        assert bodies(backend, "account/bob") == []

    def test_no_commits_are_no_trouble(self, backend: Backend) -> None:
        assert backend.store.append_all([]) == []

    # tenants

    def test_tenants_share_nothing(self, backend: Backend, open_backend: MakeBackend) -> None:
        backend.store.append(commit("account/ann", 0, b"1", command_id="c1", once="forever"))
        for tenant in ("acme", "globex"):
            other = open_backend(tenant)
            assert other.store.last("account/ann") is None
            assert other.store.find("c1", "account/ann", forever=True) is None
            other.store.append(commit("account/ann", 0, tenant.encode(), command_id="c1", once="forever"))
        assert bodies(backend, "account/ann") == [b"1"]
        assert bodies(open_backend("acme"), "account/ann") == [b"acme"]
