"""What a Catalog promises: pointers that are set all at once, or not at all."""

from __future__ import annotations

from functools import partial

import pytest

from leftfold.core.attempt import Failed
from leftfold.ports.backend import Backend
from leftfold.ports.rows import Builds
from leftfold.testing.contracts.base import Contract, MakeBackend, all_at_once, step

NONE = Builds()
FIRST = Builds(live="v@1.0")
BESIDE = Builds(live="v@1.0", candidate="v@2.0")
SECOND = Builds(live="v@2.0", previous="v@1.0")


def point(backend: Backend, before: Builds, after: Builds, *, caught_up: bool = False, view: str = "v") -> bool:
    return backend.catalog.point(view, before, after, aliases={}, caught_up=caught_up)


class CatalogContract(Contract):
    """Subclass with `make_backend`."""

    def test_a_view_has_no_builds_at_first(self, backend: Backend) -> None:
        assert backend.catalog.builds("v") == NONE

    def test_pointers_are_set_and_read_back(self, backend: Backend) -> None:
        for before, after in [(NONE, FIRST), (FIRST, BESIDE), (BESIDE, SECOND), (SECOND, NONE)]:
            assert point(backend, before, after)
            assert backend.catalog.builds("v") == after

    @pytest.mark.parametrize("before", [NONE, BESIDE, SECOND, Builds(candidate="v@1.0"), Builds(previous="v@1.0")])
    def test_pointers_that_are_not_what_they_were_stay(self, backend: Backend, before: Builds) -> None:
        point(backend, NONE, FIRST)
        assert not point(backend, before, SECOND)
        assert backend.catalog.builds("v") == FIRST

    def test_of_callers_who_saw_the_same_pointers_one_wins(self, backend: Backend) -> None:
        point(backend, NONE, FIRST)

        def flip(after: Builds) -> tuple[bool, Builds]:
            return point(backend, FIRST, after), after

        afters = [Builds(live="v@1.0", candidate=f"v@2.{i}") for i in range(4)]
        results = all_at_once([partial(flip, after) for after in afters])
        assert not [one for one in results if isinstance(one, Failed)]
        (winner,) = [after for won, after in (one for one in results if not isinstance(one, Failed)) if won]
        assert backend.catalog.builds("v") == winner

    def test_views_have_pointers_of_their_own(self, backend: Backend) -> None:
        point(backend, NONE, FIRST)
        assert backend.catalog.builds("w") == NONE
        assert point(backend, NONE, Builds(live="w@1.0"), view="w")
        assert backend.catalog.builds("v") == FIRST

    def test_a_build_that_is_behind_the_live_one_is_not_let_in_where_that_is_asked_for(self, backend: Backend) -> None:
        point(backend, NONE, BESIDE)
        backend.checkpoints.move(step("v@1.0", 0, 5))
        backend.checkpoints.move(step("v@2.0", 0, 4))
        assert not point(backend, BESIDE, SECOND, caught_up=True)
        assert backend.catalog.builds("v") == BESIDE
        backend.checkpoints.move(step("v@2.0", backend.checkpoints.load("v@2.0").revision, 5))
        assert point(backend, BESIDE, SECOND, caught_up=True)
        assert backend.catalog.builds("v") == SECOND

    def test_a_build_that_is_behind_is_let_in_where_that_is_not_asked_for(self, backend: Backend) -> None:
        point(backend, NONE, BESIDE)
        backend.checkpoints.move(step("v@1.0", 0, 5))
        assert point(backend, BESIDE, SECOND, caught_up=False)

    def test_builds_that_never_moved_are_equally_far(self, backend: Backend) -> None:
        assert point(backend, NONE, FIRST, caught_up=True)
        assert point(backend, FIRST, SECOND, caught_up=True)

    def test_what_one_pointed_another_sees(self, backend: Backend, open_backend: MakeBackend) -> None:
        other = open_backend("")
        point(backend, NONE, FIRST)
        assert other.catalog.builds("v") == FIRST
        assert not point(other, NONE, SECOND)

    def test_tenants_share_nothing(self, backend: Backend, open_backend: MakeBackend) -> None:
        point(backend, NONE, FIRST)
        assert open_backend("acme").catalog.builds("v") == NONE
