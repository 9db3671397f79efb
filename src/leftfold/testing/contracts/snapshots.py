"""What Snapshots promises: the newest state of a fold, stored with the commit that carried it, never with one that lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leftfold.core.commits import Snapshot
from leftfold.core.errors import Conflict
from leftfold.ports.backend import Backend
from leftfold.testing.contracts.base import Contract, MakeBackend, append_many, commit

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class SnapshotsContract(Contract):
    """Subclass with `make_backend`."""

    def test_a_snapshot_is_found_by_its_fold_and_the_newest_one_counts(self, backend: Backend) -> None:
        assert backend.snapshots.load("account/ann", "fold-1").snapshot is None
        one = Snapshot("fold-1", 1, AT, b"\x00one")
        two = Snapshot("fold-1", 2, AT, b"two")
        backend.store.append(commit("account/ann", 0, b"1", snapshot=one))
        assert backend.snapshots.load("account/ann", "fold-1").snapshot == one
        backend.store.append(commit("account/ann", 1, b"2", snapshot=two))
        backend.store.append(commit("account/ann", 2, b"3"))
        start = backend.snapshots.load("account/ann", "fold-1")
        assert start.snapshot == two
        if start.events is not None:  # a store may read on to the stream's end
            assert [(one.version, one.body) for one in start.events] == [(3, b"3")]
        assert backend.snapshots.load("account/ann", "fold-2").snapshot is None
        assert backend.snapshots.load("account/bob", "fold-1").snapshot is None

    def test_the_snapshot_of_a_commit_that_lost_is_not_kept(self, backend: Backend) -> None:
        append_many(backend, "account/ann", [b"1"])
        with pytest.raises(Conflict):
            backend.store.append(commit("account/ann", 0, b"2", snapshot=Snapshot("fold-1", 1, AT, b"lie")))
        assert backend.snapshots.load("account/ann", "fold-1").snapshot is None

    def test_tenants_share_nothing(self, backend: Backend, open_backend: MakeBackend) -> None:
        backend.store.append(commit("account/ann", 0, b"1", snapshot=Snapshot("fold-1", 1, AT, b"s")))
        assert open_backend("acme").snapshots.load("account/ann", "fold-1").snapshot is None
