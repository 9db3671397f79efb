"""A store whose replica lags: what an archive has of it already is waited for, and not taken for lost."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.adapters.memory import Memory
from leftfold.archive import Archive, Archiver, spanning
from leftfold.copying import compare
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Stored
from leftfold.ports.backend import Backend
from tests.archive.places import Shelf, filled


class Lagging:
    """A log that ends some events early for as many looks at its end."""

    def __init__(self, live: Any, looks: int) -> None:
        self._live, self._looks = live, looks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)

    def end(self) -> int:
        self._looks -= 1
        return self._shown()

    def page(self, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        found: list[Stored] = self._live.page(after=after, limit=limit)
        return [one for one in found if one.position <= self._shown()]

    def _shown(self) -> int:
        end: int = self._live.end()
        return end - 7 if self._looks > 0 else end


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def store(shelf: Shelf) -> Backend:
    store = filled(Memory().open(), 60).backend
    Archiver(store, shelf, segment_events=20).seal(force=True)
    return store


def lagging(store: Backend, looks: int = 3) -> Backend:
    late: Any = Lagging(store.log, looks)
    return replace(store, log=late, places_later=True)


def test_an_archiver_follows_what_another_one_sealed(store: Backend, shelf: Shelf) -> None:
    sealed = Archiver(lagging(store), shelf).seal(force=True)
    assert (sealed.events, sealed.upto, sealed.left) == (0, store.log.end(), 0)


def test_a_session_reads_over_both(store: Backend, shelf: Shelf) -> None:
    assert spanning(lagging(store), shelf).log.page(limit=1000) == store.log.page(limit=1000)


def test_what_was_just_restored_is_equal(store: Backend, shelf: Shelf) -> None:
    assert compare(Archive(shelf), lagging(store)).equal


def test_what_never_comes_is_lost(store: Backend, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leftfold.archive.log.REPLICA_S", 0.1)
    lost = lagging(store, looks=10**9)
    assert not compare(Archive(shelf), lost).equal
    for read in (Archiver(lost, shelf).seal, spanning(lost, shelf).log.page):
        with pytest.raises(IntegrityError, match="lost events that were sealed"):
            read()
