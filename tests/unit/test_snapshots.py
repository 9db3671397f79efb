"""Snapshots are discardable: they save reads, and never change an answer."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, ConfigError
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.core.commits import Snapshot, Start
from leftfold.ports.backend import Backend
from tests.unit.wrapped import watched


class Add(Struct, frozen=True):
    n: int


class Added(Struct, frozen=True):
    n: int


class Total(Struct, frozen=True):
    n: int = 0
    events: int = 0


class Adding:
    category = "adding"
    initial = Total()
    snapshot_every = 3

    def decide(self, command: Add, state: Total) -> list[Added]:
        return [Added(command.n)] * (1 + command.n % 2)

    def evolve(self, state: Total, event: Added) -> Total:
        return Total(state.n + event.n, state.events + 1)


class AddingTwice(Adding):
    """Another fold of the same events."""

    def evolve(self, state: Total, event: Added) -> Total:
        return Total(state.n + 2 * event.n, state.events + 1)


class StartingElsewhere(Adding):
    initial = Total(n=1000)


class AddedV2(Struct, frozen=True):
    n: int


def tenfold(old: Added) -> AddedV2:
    return AddedV2(old.n * 10)


def hundredfold(old: Added) -> AddedV2:
    return AddedV2(old.n * 100)


class Lifted:
    """The same stream, its events lifted to another class on the way."""

    category = "adding"
    initial = Total()
    snapshot_every = 3
    upcasts = (tenfold,)

    def decide(self, command: Add, state: Total) -> list[AddedV2]:
        return [AddedV2(command.n)] * 3

    def evolve(self, state: Total, event: AddedV2) -> Total:
        return Total(state.n + event.n, state.events + 1)


class LiftedFurther(Lifted):
    upcasts = (hundredfold,)


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return Memory().open() if request.param == "memory" else open_sqlite(tmp_path / "bank.db")


def opened(backend: Backend, decider: Any) -> Any:
    return App("app", deciders=[decider]).open(backend).category(decider)


class Lost:
    """No snapshot is ever found."""

    def load(self, stream: str, fingerprint: str) -> Start:
        return Start()


class Damaged:
    """Every snapshot is another fold's bytes."""

    def load(self, stream: str, fingerprint: str) -> Start:
        return Start(Snapshot(fingerprint, 1, DAWN, b'{"n": "not a number"}'))


DAWN = Memory().open().clock.now()


def test_a_cold_load_reads_only_what_came_after_the_snapshot(backend: Backend) -> None:
    adding = opened(backend, Adding())
    for _ in range(7):
        adding.handle("a", Add(2))
    asked: list[int] = []
    seen, _, calls = watched(backend)
    inner = seen.store

    class Reading:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def read(self, stream: str, *, after: int = 0, limit: int = 500) -> Any:
            asked.append(after)
            return inner.read(stream, after=after, limit=limit)

    assert opened(replace(seen, store=Reading()), Adding()).state("a") == Total(14, 7)
    assert (asked, calls["load"]) == ([6], 1)


def test_a_commit_that_steps_over_the_mark_leaves_a_snapshot_too(backend: Backend) -> None:
    adding = opened(backend, Adding())
    adding.handle("a", Add(3))
    adding.handle("a", Add(3))
    loader = adding._deciding.loader
    found = backend.snapshots.load("adding/a", loader._snapshots.fingerprint).snapshot
    assert found is not None
    assert (found.version, found.state) == (4, b'{"n":12,"events":4}')


@pytest.mark.parametrize(
    ("first", "then", "state"),
    [
        (Adding(), AddingTwice(), Total(24, 6)),
        (Adding(), StartingElsewhere(), Total(1012, 6)),
        (Adding(), Lifted(), Total(120, 6)),
        (Lifted(), LiftedFurther(), None),
    ],
    ids=["another fold", "another initial state", "events that are lifted", "another upcast"],
)
def test_a_changed_fold_never_starts_from_an_old_snapshot(
    backend: Backend, first: Any, then: Any, state: Total | None
) -> None:
    if state is None:  # history of the old class, then the first fold's own snapshots over it
        old = opened(backend, Adding())
        for _ in range(6):
            old.handle("a", Add(2))
        opened(backend, first).handle("a", Add(2))
        assert opened(backend, then).state("a") == opened(replace(backend, snapshots=Lost()), then).state("a")
        assert opened(backend, then).state("a") == Total(6 * 200 + 3 * 2, 9)
        return
    category = opened(backend, first)
    for _ in range(6):
        category.handle("a", Add(2))
    assert opened(backend, then).state("a") == state


def test_a_damaged_snapshot_is_as_good_as_none(backend: Backend) -> None:
    adding = opened(backend, Adding())
    for _ in range(7):
        adding.handle("a", Add(2))
    assert opened(replace(backend, snapshots=Damaged()), Adding()).state("a") == Total(14, 7)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=30))
def test_without_its_snapshots_every_answer_is_the_same(commands: list[tuple[str, int, bool]]) -> None:
    backend = Memory().open()
    bare = replace(Memory().open(), snapshots=Lost())
    one, other = opened(backend, Adding()), opened(bare, Adding())
    for key, n, cold in commands:
        if cold:
            one, other = opened(backend, Adding()), opened(bare, Adding())
        first, second = one.handle(key, Add(n)), other.handle(key, Add(n))
        assert (first.state, first.events, first.version) == (second.state, second.events, second.version)
    for key in "ab":
        assert opened(backend, Adding()).state(key) == opened(bare, Adding()).state(key)


def test_a_state_that_would_not_read_back_is_simply_not_kept() -> None:
    class Odd(Adding):
        initial: Any = Total()

        def evolve(self, state: Any, event: Added) -> Total | float:
            return float("nan")

    backend = Memory().open()
    odd = opened(backend, Odd())
    for _ in range(4):
        odd.handle("a", Add(2))
    assert str(opened(backend, Odd()).state("a")) == "nan"


@pytest.mark.parametrize("every", [0, -1, True])
def test_a_mark_that_is_none_is_refused(every: Any) -> None:
    class Never(Adding):
        snapshot_every = every

    if every == 0:
        opened(Memory().open(), Never()).handle("a", Add(2))  # 0 is how to say: none
        return
    with pytest.raises(ConfigError, match="snapshot_every"):
        opened(Memory().open(), Never())
