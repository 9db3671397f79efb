"""read(query) and append(events, condition) do what the dcb.events specification says, compared with a list.

An event has a type and tags. A query item matches an event of any of its types that has all of its tags; a query matches
what any item matches, and everything without items. An append fails iff an event after `after` matches the condition.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Conflict, Session, StreamId, stream
from leftfold.adapters.memory import Memory
from leftfold.adapters.memory.store import MemoryStore
from leftfold.adapters.sqlite import open_sqlite
from leftfold.core.commits import Appended, Commit
from leftfold.dcb import Boundary, Condition, Query, QueryItem, Tagged, _Matcher
from tests.contract import broken_stores


class Red(Struct, frozen=True):
    number: int


class Green(Struct, frozen=True):
    number: int


class Blue(Struct, frozen=True):
    number: int


APP = App("facts", events=Red | Green | Blue)
TAGS = [stream("course", "c1"), stream("course", "C1"), stream("student", "c1"), stream("course", "c1/é")]

types = st.sampled_from([Red, Green, Blue])
tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
facts = st.builds(lambda cls, number, tags: Tagged(cls(number), tags), types, st.integers(0, 9), tags)
items = st.builds(QueryItem, st.lists(types, max_size=2, unique=True).map(tuple), tags)
queries = st.lists(items, max_size=3).map(tuple).map(Query)
steps = st.tuples(st.lists(facts, min_size=1, max_size=3), st.none() | queries, st.integers(0, 3), st.booleans())
histories = st.lists(steps, max_size=8)
reads = st.lists(st.tuples(queries, st.integers(0, 12)), min_size=1, max_size=4)


class Spec:
    """The specification, word by word."""

    def __init__(self) -> None:
        self.events: list[Tagged] = []

    def read(self, query: Query, after: int) -> list[tuple[int, Tagged]]:
        return [(i, one) for i, one in enumerate(self.events, 1) if i > after and matches(query, one)]

    def append(self, events: Sequence[Tagged], query: Query | None, after: int) -> bool:
        if query is not None and self.read(query, after):
            return False
        self.events += events
        return True


def matches(query: Query, one: Tagged) -> bool:
    return not query.items or any(
        (not item.types or type(one.event) in item.types) and set(item.tags) <= set(one.tags) for item in query.items
    )


History = list[tuple[list[Tagged], Query | None, int, bool]]


def compare(session: Session, rival: Session, history: History, questions: list[tuple[Query, int]]) -> None:
    """Run the history on a session and on the specification; `rival` makes a part of the appends."""
    spec = Spec()
    for events, query, back, by_rival in history:
        after = max(0, len(spec.events) - back)
        boundary = (rival if by_rival else session).dcb()
        expected = spec.append(events, query, after)
        assert appends(boundary, events, query, after) == expected
    for query, after in [*questions, (Query(), 0)]:
        found = [(one.position, one.data, tagged(one.slots)) for one in session.dcb().read(query, after=after)]
        assert found == [(i, one.event, frozenset(one.tags)) for i, one in spec.read(query, after)]


def appends(boundary: Boundary, events: Sequence[Tagged], query: Query | None, after: int) -> bool:
    try:
        boundary.append(events, None if query is None else Condition(query, after))
    except Conflict:
        return False
    return True


def tagged(slots: Sequence[tuple[str, int]]) -> frozenset[StreamId]:
    names = (name.split("/", 1) for name, _ in slots)
    return frozenset(StreamId(category, key) for category, key in names if category != "untagged")


def check(make: Callable[[], Any], *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Raises where what `make` opens differs from the specification."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize="LEFTFOLD_SOAK" not in os.environ,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories, reads)
    def compared(history: History, questions: list[tuple[Query, int]]) -> None:
        with make() as (session, rival):
            compare(session, rival, history, questions)

    compared()


@contextmanager
def on_memory(store: MemoryStore | None = None) -> Iterator[tuple[Session, Session]]:
    backend = Memory().open() if store is None else broken_stores.backend_of(store)
    yield APP.open(backend), APP.open(backend)


def on_sqlite(folder: str) -> Callable[[], Any]:
    number = count()

    @contextmanager
    def opened() -> Iterator[tuple[Session, Session]]:
        with ExitStack() as exits:
            path = Path(folder, f"{next(number)}.db")
            yield tuple(exits.enter_context(APP.open(open_sqlite(path))) for _ in range(2))  # type: ignore[misc]

    return opened


SIZES = [200, pytest.param(5_000, marks=pytest.mark.soak)]


@pytest.mark.parametrize("examples", SIZES)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_every_store_does_what_the_specification_says(
    store: str, examples: int, record_property: Callable[[str, object], None]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(on_memory if store == "memory" else on_sqlite(folder), examples=examples)
    record_property("figure", f"dcb.events on {store}: {examples} random histories as the specification says")


# what happens between the look and the append


class Overtaken(MemoryStore):
    """A store on which, just before each append, a rival appends something."""

    def __init__(self, rival: Callable[[MemoryStore], None]) -> None:
        super().__init__()
        self.rival, self.busy = rival, False

    def append(self, commit: Commit) -> Appended:
        if not self.busy:
            self.busy = True
            self.rival(self)
        return super().append(commit)


@settings(max_examples=200, deadline=None, database=None, derandomize="LEFTFOLD_SOAK" not in os.environ)
@given(st.lists(facts, max_size=3), facts, queries, facts)
def test_a_condition_holds_at_the_position_of_the_append(
    before: list[Tagged], mine: Tagged, query: Query, theirs: Tagged
) -> None:
    overtaken_is_judged(Overtaken, before, mine, query, theirs)


def overtaken_is_judged(
    kind: type[Overtaken], before: list[Tagged], mine: Tagged, query: Query, theirs: Tagged
) -> None:
    store = kind(lambda store: void(APP.open(broken_stores.backend_of(store)).dcb().append([theirs])))
    store.busy = True
    boundary = APP.open(broken_stores.backend_of(store)).dcb()
    if before:
        boundary.append(before)
    store.busy = False
    assert appends(boundary, [mine], query, len(before)) == (not matches(query, theirs))


def void(_: object) -> None: ...


# planted bugs: in a store, in the matching, in the condition


class Unguarded(Overtaken):
    def append(self, commit: Commit) -> Appended:
        if not self.busy:
            self.busy = True
            self.rival(self)
        return MemoryStore.append(self, replace(commit, expected={}, log_end=None))


class HalfGuarded(Overtaken):
    def append(self, commit: Commit) -> Appended:
        if not self.busy:
            self.busy = True
            self.rival(self)
        return MemoryStore.append(self, replace(commit, log_end=None))


def any_tag(matcher: Any) -> None:
    matcher._items = [(names, frozenset(list(wanted)[:1])) for names, wanted in matcher._items]


def no_types(matcher: Any) -> None:
    matcher._items = [(None, wanted) for _, wanted in matcher._items]


def first_item(matcher: Any) -> None:
    matcher._items = matcher._items[:1]


def nothing_is_everything(matcher: Any) -> None:
    matcher._items = matcher._items or [(frozenset(), frozenset())]


MATCHING = [any_tag, no_types, first_item, nothing_is_everything]
STORES = [
    broken_stores.KnowsThePrimaryStreamOnly,
    broken_stores.SkipsAtThePagesEdge,
    broken_stores.SaysTheFirstIsTheLast,
    broken_stores.ReordersACommit,
    broken_stores.EndsEarly,
    broken_stores.WritesAnEventOncePerStream,
]
RACES = [Unguarded, HalfGuarded]


def fails(run: Callable[[], object]) -> bool:
    try:
        run()
    except Exception:  # any: however the bug betrays itself
        return True
    return False


def test_every_planted_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    def is_caught(store: type[MemoryStore] | None = None) -> bool:
        return fails(lambda: check(lambda: on_memory(store and store()), examples=200, phases=[Phase.generate]))

    caught = [is_caught(bug) for bug in STORES]
    plain = _Matcher.__init__
    for bug in MATCHING:

        def broken(self: Any, query: Query, codec: Any, bug: Callable[[Any], None] = bug) -> None:
            plain(self, query, codec)
            bug(self)

        with monkeypatch.context() as patched:
            patched.setattr(_Matcher, "__init__", broken)
            caught.append(is_caught())
    for kind in RACES:
        judged = given(st.lists(facts, max_size=3), facts, queries, facts)(
            lambda before, mine, query, theirs, kind=kind: overtaken_is_judged(kind, before, mine, query, theirs)
        )
        caught.append(fails(settings(max_examples=200, database=None, deadline=None, derandomize=True)(judged)))
    record_property("figure", f"dcb.events teeth: {sum(caught)} of {len(caught)} caught")
    assert all(caught), caught
