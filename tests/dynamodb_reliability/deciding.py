"""Decisions over several streams, and their judge: an order of all commits that explains what each of them saw.

The log keeps each stream's order, not that of a guard and what it guarded. So the judge makes an order of its own: a
commit comes after those whose versions it saw, and before those that took the slots that it found free. Where there is no
such order, something was written on a state that no longer held.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Contention, Session, StreamId
from leftfold.core.commits import Appended, Commit
from leftfold.core.errors import Conflict
from leftfold.ports.backend import Backend
from tests.reliability.judge import Event
from tests.reliability.school import Full, Needed, Swap, Turn, broken_rules, on_call, places

COURSES, STUDENTS, DOCTORS = 8, 14, 4


class Remark(Struct, frozen=True):
    one: str
    other: str


class Remarked(Struct, frozen=True):
    about: str


class Remarks:
    """Writes events of its own type into the streams that others decide on."""

    category = "remark"
    initial = 0

    def boundary(self, command: Remark) -> list[StreamId]:
        return [StreamId(*command.one.split("/")), StreamId(*command.other.split("/"))]

    def decide(self, command: Remark, count: int) -> list[Remarked]:
        return [Remarked(command.one)]

    def evolve(self, count: int, event: Remarked) -> int:
        return count + 1


remarks = Remarks()
school = App("school", deciders=[places, on_call, remarks])


class Saw(Struct, frozen=True):
    """What a commit that was acknowledged had seen of each stream, and which of them it wrote."""

    expected: dict[str, int]
    written: dict[str, int]  # stream: how many versions


class Witness:
    """A store that writes down what its commits were decided on, and how many were too late."""

    def __init__(self, backend: Backend, saw: dict[str, Saw]) -> None:
        self._store, self._saw = backend.store, saw
        self.conflicts = 0

    def append(self, commit: Commit) -> Appended:
        try:
            appended = self._store.append(commit)
        except Conflict:
            self.conflicts += 1
            raise
        written: dict[str, int] = {}
        for event in commit.events:
            for name, _ in event.slots:
                written[name] = written.get(name, 0) + 1
        assert commit.command_id is not None
        self._saw[commit.command_id] = Saw(dict(commit.expected), written)
        return appended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def witnessed(backend: Backend, saw: dict[str, Saw]) -> Backend:
    store: Any = Witness(backend, saw)
    return replace(backend, store=store)


def attend(session: Session, name: str, commands: int, seed: int) -> tuple[int, int]:
    """Commands of all kinds over the same few names. Returns how many were refused, and how many gave up on a race."""
    dice, refused, gave_up = random.Random(seed), 0, 0
    for number in range(commands):
        course, student = f"c{dice.randrange(COURSES)}", f"s{dice.randrange(STUDENTS)}"
        who, other = (f"d{one}" for one in dice.sample(range(DOCTORS), 2))
        kind, command_id = dice.random(), f"{name}-{number}"
        while True:
            try:
                if kind < 0.5:
                    session.category(places).handle(Swap(course, student), command_id=command_id)
                elif kind < 0.85:
                    session.category(on_call).handle(Turn(who, other), command_id=command_id)
                else:
                    remark = Remark(f"course/{course}", f"doctor/{who}")
                    session.category(remarks).handle(remark, command_id=command_id)
            except (Full, Needed):
                refused += 1
            except Contention:
                gave_up += 1
                if gave_up > 5:  # a stream with a hole refuses everybody, for ever
                    raise
                continue
            break
    return refused, gave_up


def read(session: Session) -> list[Event]:
    session.backend.log.place()
    return [
        Event(one.position, one.slots, one.type, one.meta.command_id or "", msgspec.to_builtins(one.data))
        for one in session.log()
    ]


def problems(events: list[Event], saw: dict[str, Saw]) -> Iterator[str]:
    """What is wrong: with the log, with what was acknowledged, with what was decided."""
    if [event.position for event in events] != list(range(1, len(events) + 1)):
        yield "positions are not dense"
    ends: dict[str, int] = {}
    by_command = {event.command_id: event for event in events}
    for event in events:
        for name, version in event.slots:
            if version != ends.get(name, 0) + 1:
                yield f"{name}@{version} stands after {ends.get(name, 0)}"
            ends[name] = version
    if len(by_command) != len(events):
        yield f"{len(events) - len(by_command)} commands left more than one event"
    if by_command.keys() != saw.keys():
        yield f"{len(by_command.keys() ^ saw.keys())} commands are in the log or acknowledged, and not both"
        return
    try:
        order = list(TopologicalSorter(_before(saw)).static_order())
    except CycleError as cycle:
        yield f"no order of the commits explains what they saw: {cycle.args[1]}"
        return
    events = [by_command[name] for name in order]
    yield from broken_rules(event for event in events if event.type != "Remarked")


def _before(saw: dict[str, Saw]) -> dict[str, set[str]]:
    """For each commit, those that must come before it."""
    writer = {
        (name, one.expected[name] + n + 1): command
        for command, one in saw.items()
        for name, count in one.written.items()
        for n in range(count)
    }
    before: dict[str, set[str]] = {command: set() for command in saw}
    for command, one in saw.items():
        for name, version in one.expected.items():
            if version:
                before[command].add(writer[name, version])
            follower = writer.get((name, version + 1))
            if follower is not None and follower != command:
                before[follower].add(command)
    return before
