"""Decisions over several streams: the state is the naive fold of everything in the boundary, each event once."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, ConfigError, StreamId, stream
from leftfold.adapters.memory import Memory
from leftfold.category import BoundaryCategory
from leftfold.handling.loading import Loader
from leftfold.testing import FrozenClock
from leftfold.testing.sample import AddCourse, Enrol, Enrolled, Refused, enrolments, school
from tests.unit.enrolment import Enrol as Take, enrolment
from tests.unit.wrapped import watched


class Note(Struct, frozen=True):
    """A command: one event with this text in each group of streams."""

    reads: tuple[str, ...]
    writes: tuple[tuple[str, ...], ...]
    text: str


class Noted(Struct, frozen=True):
    text: str
    streams: tuple[str, ...]


class Notes:
    """A decider whose state is the list of what it has folded, so that order and doubles show."""

    category = "notes"
    initial: tuple[str, ...] = ()

    def boundary(self, command: Note) -> Sequence[StreamId]:
        names = dict.fromkeys([*command.reads, *(name for group in command.writes for name in group)])
        return [stream("page", name) for name in names]

    def streams(self, event: Noted) -> Sequence[StreamId]:
        return [stream("page", name) for name in event.streams]

    def decide(self, command: Note, state: tuple[str, ...]) -> list[Noted]:
        return [Noted(f"{command.text}.{n}", group) for n, group in enumerate(command.writes)]

    def evolve(self, state: tuple[str, ...], event: Noted) -> tuple[str, ...]:
        return (*state, event.text)


notes = Notes()
app = App("notes", deciders=[notes])
PAGES = "abc"

groups = st.lists(st.sampled_from(PAGES), min_size=1, max_size=3, unique=True).map(tuple)
commands = st.tuples(
    st.integers(0, 2),  # which session handles it
    st.integers(0, 3),  # seconds that pass before it: none, and several commits carry the same time
    st.lists(groups, min_size=1, max_size=3).map(tuple),
    st.lists(st.sampled_from(PAGES), max_size=2).map(tuple),
    st.booleans(),  # whether another session looks at the state in between, which fills its cache
)


@given(st.lists(commands, max_size=12))
def test_a_loaded_state_is_the_naive_fold_whatever_came_in_which_order(
    history: list[tuple[int, int, groups, tuple[str, ...], bool]],
) -> None:  # type: ignore[valid-type]
    clock = FrozenClock()
    memory = Memory(clock)
    sessions = [app.open(memory.open()).category(notes) for _ in range(3)]
    log = app.open(memory.open()).log

    def naive(names: Sequence[str]) -> tuple[str, ...]:
        order = sorted(log(), key=lambda one: (one.at, one.meta.index, one.slots))
        return tuple(
            one.data.text for one in order if isinstance(one.data, Noted) and set(one.data.streams) & set(names)
        )

    def check(session: BoundaryCategory[Note, tuple[str, ...], Noted]) -> None:
        for names in [order for size in (1, 2, 3) for order in permutations(PAGES, size)]:
            assert session.state(Note(names, (), "")) == naive(names)

    for number, (who, passes, writes, reads, look) in enumerate(history):
        clock.forward(passes)
        command = Note(reads, writes, str(number))
        outcome = sessions[who].handle(command)
        assert outcome.state == naive([one.key for one in notes.boundary(command)])
        if look:
            check(sessions[(who + 1) % 3])
    for session in [*sessions, app.open(memory.open()).category(notes)]:
        check(session)


def test_events_of_writers_whose_clocks_disagree_fold_alike_in_every_session() -> None:
    """A late clock's event belongs before what another session has folded already: that session starts over."""
    early, late = FrozenClock(), FrozenClock()
    early.forward(100)
    backend = Memory(early).open()
    ahead = app.open(backend).category(notes)
    behind = app.open(replace(backend, clock=late)).category(notes)
    both = Note(("a", "b"), (), "")
    ahead.handle(Note((), (("a",),), "first"))
    assert ahead.state(both) == ("first.0",)
    behind.handle(Note((), (("b",),), "second"))
    fresh = app.open(backend).category(notes)
    assert ahead.state(both) == behind.state(both) == fresh.state(both) == ("second.0", "first.0")


def test_an_event_of_two_streams_is_folded_once() -> None:
    with App("school", deciders=[enrolment]).open("memory:") as session:
        enrolling = session.category(enrolment)
        outcome = enrolling.handle(Take("c1", "s1"))
        assert outcome.state.taken == (("c1", "s1"),)
        assert enrolling.state(Take("c1", "s1")) == enrolling.state(Take("c1", "s2")) == outcome.state
        (event,) = session.log()
        assert event.slots == (("course/c1", 1), ("student/s1", 1))


def test_a_guarded_stream_that_moved_costs_a_retry_and_no_wrong_answer() -> None:
    """An enrolment of the same student elsewhere moves the boundary, but does not make this one wrong."""
    backend, store, calls = watched(Memory().open())
    here, other = (school.open(backend).category(enrolments) for _ in range(2))
    for course in ("c1", "c2", "c3"):
        here.handle(AddCourse(course, 1))
    calls.clear()
    store.before["append"] = lambda: other.handle(Enrol("c2", "s1"))
    assert here.handle(Enrol("c1", "s1")).events == (Enrolled("c1", "s1"),)
    assert calls["append"] == 3
    store.before["append"] = lambda: other.handle(Enrol("c3", "s2"))
    with pytest.raises(Refused, match="the course is full"):
        here.handle(Enrol("c3", "s3"))


def test_a_refusal_on_a_cached_boundary_is_looked_up_again() -> None:
    memory = Memory()
    here, other = (school.open(memory.open()).category(enrolments) for _ in range(2))
    here.handle(AddCourse("c1", 1))
    here.handle(Enrol("c1", "s1"))
    with pytest.raises(Refused):
        here.handle(Enrol("c1", "s2"))
    other.handle(AddCourse("c1", 1))
    assert here.handle(Enrol("c1", "s2")).version == 4


class Misplaced(Notes):
    def streams(self, event: Noted) -> Sequence[StreamId]:
        return [stream("page", "elsewhere")]


class Unplaced(Notes):
    def streams(self, event: Noted) -> Sequence[StreamId]:
        return []


class Boundless(Notes):
    def boundary(self, command: Note) -> Sequence[StreamId]:
        return []


@pytest.mark.parametrize(
    ("decider", "why"),
    [(Misplaced(), "page/elsewhere"), (Unplaced(), "named none"), (Boundless(), "named no stream")],
    ids=lambda value: type(value).__name__,
)
def test_a_boundary_that_can_not_hold_says_so_and_writes_nothing(decider: Notes, why: str) -> None:
    with App("notes", deciders=[decider]).open("memory:") as session:
        with pytest.raises(ConfigError, match=why):
            session.category(decider).handle(Note((), (("a",),), "x"))
        assert list(session.log()) == []


@pytest.mark.parametrize("planted", ["out of order", "twice"])
def test_a_loader_with_a_planted_fault_is_found_out(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth: what the property compares would differ."""
    merged = Loader._merged

    def faulty(self: Any, streams: Any, seen: Any) -> Any:
        found = list(merged(self, streams, seen))
        return iter(found * 2) if planted == "twice" else reversed(found)

    memory = Memory(FrozenClock())
    app.open(memory.open()).category(notes).handle(Note((), (("b",), ("a",)), "x"))
    both = Note(("a", "b"), (), "")
    assert app.open(memory.open()).category(notes).state(both) == ("x.0", "x.1")
    monkeypatch.setattr(Loader, "_merged", faulty)
    assert app.open(memory.open()).category(notes).state(both) != ("x.0", "x.1")
