"""Every store gives the verdict of the naive model, whatever is asked of it, and keeps each byte."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.core.commits import Appended, Commit, Framed, Snapshot
from leftfold.core.errors import Conflict
from leftfold.ports.backend import Backend
from leftfold.testing.contracts.base import HOSTILE_BYTES, HOSTILE_KEYS
from tests.contract import broken_stores
from tests.contract.model import Event, Model

STREAMS = [f"account/{key}" for key in ("a", "A", "a ", "a/b", "é", "e\u0301", HOSTILE_KEYS[-1])]
IDS = ["c1", "C1", "c1 ", "*", "é"]
FINGERPRINTS = ["fold-1", "fold-2"]
AT = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 20

names = st.sampled_from(STREAMS)
payloads = st.sampled_from(HOSTILE_BYTES[:-1]) | st.binary(min_size=1, max_size=40)
afters, limits = st.integers(0, 9), st.integers(1, 5)
Reopen = Callable[[], list[Backend]]


@st.composite
def commits(draw: st.DrawFn) -> tuple[list[tuple[str, list[str]]], dict[str, int], str | None, bool, bool, str | None]:
    """What to append, before the versions are known: events by their streams, what to get wrong, the command."""
    written = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    events = [(draw(st.sampled_from("AB")), draw(st.lists(st.sampled_from(written), min_size=1, unique=True)))]
    events += [(kind, [written[0]]) for kind in draw(st.lists(st.sampled_from("AB"), max_size=2))]
    guards = draw(st.lists(names, max_size=2))
    wrong = draw(st.dictionaries(st.sampled_from([*written, *guards]), st.sampled_from([-1, 1, 7]), max_size=1))
    off = dict.fromkeys([*written, *guards], 0) | draw(st.sampled_from([{}, {}, wrong]))
    command_id, forever = draw(st.none() | st.sampled_from(IDS)), draw(st.booleans())
    return events, off, command_id, forever, draw(st.booleans()), draw(st.none() | st.sampled_from(FINGERPRINTS))


class Stores(RuleBasedStateMachine):
    """One model, several stores, the same questions to all."""

    opener: Callable[[ExitStack], Reopen]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.exits = ExitStack()
        self.receipts: list[tuple[Appended, ...]] = []

    @initialize()
    def open(self) -> None:
        self.reopen_all = type(self).opener(self.exits)
        self.backends = self.reopen_all()

    def teardown(self) -> None:
        self.exits.close()

    def commit(self, asked: tuple[object, ...], bodies: list[bytes], log_end: bool) -> Commit:
        events, off, command_id, forever, _, fingerprint = asked
        seen = {name: max(0, len(self.model.stream(name)) + by) for name, by in off.items()}  # type: ignore[attr-defined]
        expected, framed = dict(seen), []
        for (kind, streams), body in zip(events, bodies, strict=False):  # type: ignore[call-overload]
            for name in streams:
                seen[name] += 1
            framed.append(Framed(kind, tuple((name, seen[name]) for name in streams), body))
        snapshot = Snapshot(fingerprint, len(self.model.log), AT, bodies[0]) if fingerprint else None  # type: ignore[arg-type]
        end = len(self.model.log) - asked[4] if log_end else None  # type: ignore[operator]  # one too few, at times
        once = "forever" if forever else "stream"
        return Commit(framed[0].slots[0][0], expected, tuple(framed), command_id, once, end, snapshot)  # type: ignore[arg-type]

    @rule(
        asked=commits(),
        bodies=st.lists(payloads, min_size=3, max_size=3),
        log_end=st.sampled_from([False, False, True]),
    )
    def append(self, asked: tuple[object, ...], bodies: list[bytes], log_end: bool) -> None:
        commit = self.commit(asked, bodies, log_end)
        against = self.model.refusals(commit)
        position = self.model.append(commit)
        answers = [_ask(backend, commit) for backend in self.backends]
        for answer in answers:
            if isinstance(answer, Appended):
                assert answer.position == position, f"appended although {against} speak against it"
                continue
            assert position is None, answer
            if answer.stream in commit.expected and "the command" not in against:
                assert answer.stream in against, answer
                assert answer.actual == len(self.model.stream(answer.stream)) != answer.expected
        if position is not None:
            self.receipts.append(tuple(answer for answer in answers if isinstance(answer, Appended)))

    @rule(asked=st.lists(commits(), max_size=3), bodies=st.lists(payloads, min_size=3, max_size=3))
    def append_all(self, asked: list[tuple[object, ...]], bodies: list[bytes]) -> None:
        commits = [self.commit(one, bodies, False) for one in asked]
        expected = self.model.append_all(commits)
        for backend in self.backends:
            answers = backend.store.append_all(commits)
            assert [None if isinstance(one, Conflict) else one.position for one in answers] == expected

    @rule(name=names, after=afters, limit=limits)
    def read(self, name: str, after: int, limit: int) -> None:
        stream = list(enumerate(self.model.stream(name), 1))
        wanted = [(position, version, event.type, event.body) for version, (position, event) in stream]
        for backend in self.backends:
            found = backend.store.read(name, after=after, limit=limit)
            assert [(one.position, one.version, one.type, one.body) for one in found] == wanted[after : after + limit]
            last = backend.store.last(name)
            assert (last and (last.position, last.version, last.type, last.body)) == (wanted[-1] if wanted else None)

    @rule(after=afters, limit=limits)
    def page(self, after: int, limit: int) -> None:
        wanted = [(position, 0, event.type, event.body) for position, event in enumerate(self.model.log, 1)]
        for backend in self.backends:
            found = backend.log.page(after=after, limit=limit)
            assert [(one.position, one.version, one.type, one.body) for one in found] == wanted[after : after + limit]

    @rule(command_id=st.sampled_from(IDS), name=names, forever=st.booleans())
    def find(self, command_id: str, name: str, forever: bool) -> None:
        wanted = self.model.find(command_id, name, forever=forever)
        for backend in self.backends:
            found = backend.store.find(command_id, name, forever=forever)
            assert (found and _plain(found.events)) == (wanted and [(event.type, event.body) for event in wanted])

    @rule(name=names, fingerprint=st.sampled_from(FINGERPRINTS))
    def load(self, name: str, fingerprint: str) -> None:
        for backend in self.backends:
            assert backend.snapshots.load(name, fingerprint).snapshot == self.model.snapshots.get((name, fingerprint))

    @rule()
    def reopen(self) -> None:
        self.backends = self.reopen_all()

    @invariant()
    def the_log_ends_where_the_models_does(self) -> None:
        for i, backend in enumerate(getattr(self, "backends", ())):
            assert backend.log.end() == len(self.model.log)
            for answers in self.receipts[-2:]:
                assert backend.log.locate(answers[i].receipt) == answers[i].position


def _ask(backend: Backend, commit: Commit) -> Appended | Conflict:
    try:
        return backend.store.append(commit)
    except Conflict as conflict:
        return conflict


def _plain(events: Sequence[Event]) -> list[tuple[str, bytes]]:
    return [(event.type, event.body) for event in events]


def memory_and_sqlite(exits: ExitStack) -> Reopen:
    memory = Memory()
    folder = exits.enter_context(tempfile.TemporaryDirectory())

    def reopen() -> list[Backend]:
        sqlite = open_sqlite(Path(folder, "test.db"))
        exits.callback(sqlite.close)
        return [memory.open(), sqlite]

    return reopen


def judge(opener: Callable[[ExitStack], Reopen], *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Raises what a store does wrong."""
    machine = type("Judged", (Stores,), {"opener": staticmethod(opener)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize="LEFTFOLD_SOAK" not in os.environ,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("examples", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_every_store_answers_as_the_model_does(examples: int, record_property: Callable[[str, object], None]) -> None:
    judge(memory_and_sqlite, examples=examples)
    record_property("figure", f"S8 state machine: {examples} examples on memory and sqlite, same verdicts as the model")


def test_every_planted_bug_is_caught(record_property: Callable[[str, object], None]) -> None:
    missed = [bug.__name__ for bug in broken_stores.BUGS if not is_caught(bug)]
    record_property("figure", f"S8 teeth: {len(broken_stores.BUGS) - len(missed)} of {len(broken_stores.BUGS)} caught")
    assert not missed


def is_caught(bug: type[broken_stores.MemoryStore]) -> bool:
    def opener(exits: ExitStack) -> Reopen:
        backend = broken_stores.backend_of(bug())
        return lambda: [backend]

    try:
        judge(opener, examples=400, phases=[Phase.generate])
    except Exception:  # any: however a broken store betrays itself
        return True
    return False
