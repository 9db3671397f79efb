"""Decisions over two streams, whose events say what they were decided on: places in a course, and who is on call.

Each exists in both forms: as a decider with a boundary, and as read and append in the form of dcb.events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from leftfold import App, StreamId, stream
from leftfold.dcb import Boundary, Condition, Query, QueryItem, Tagged
from tests.reliability.judge import Event

PLACES = 5
COURSES_A_STUDENT = 3


class Swap(Struct, frozen=True):
    """Leave the course if in it, else take a place."""

    course: str
    student: str


class Joined(Struct, frozen=True):
    """`places`: taken in the course before; `courses`: of the student before."""

    course: str
    student: str
    places: int
    courses: int


class Left(Struct, frozen=True):
    course: str
    student: str


class Full(Exception):
    """No place in the course, or too many courses for the student."""


class Seen(Struct, frozen=True):
    """What one course and one student have: pairs, those of the course or of the student."""

    pairs: frozenset[tuple[str, str]] = frozenset()


class Places:
    category = "places"
    initial = Seen()
    refusals = (Full,)

    def boundary(self, command: Swap) -> list[StreamId]:
        return [stream("course", command.course), stream("student", command.student)]

    def decide(self, command: Swap, seen: Seen) -> list[Joined | Left]:
        if (command.course, command.student) in seen.pairs:
            return [Left(command.course, command.student)]
        places = sum(course == command.course for course, _ in seen.pairs)
        courses = sum(student == command.student for _, student in seen.pairs)
        if places >= PLACES or courses >= COURSES_A_STUDENT:
            raise Full
        return [Joined(command.course, command.student, places, courses)]

    def evolve(self, seen: Seen, event: Joined | Left) -> Seen:
        pair = (event.course, event.student)
        return Seen(seen.pairs | {pair} if isinstance(event, Joined) else seen.pairs - {pair})


class Turn(Struct, frozen=True):
    """Come on call if off, else go off: only while the other is on."""

    who: str
    other: str


class CameOn(Struct, frozen=True):
    who: str


class WentOff(Struct, frozen=True):
    who: str
    other: str


class Needed(Exception):
    """The other is off already."""


class OnCall:
    """Reads two streams and writes one of them: only a guard on the other prevents that both go off."""

    category = "oncall"
    initial: frozenset[str] = frozenset()  # who is off
    refusals = (Needed,)

    def boundary(self, command: Turn) -> list[StreamId]:
        return [stream("doctor", command.who), stream("doctor", command.other)]

    def streams(self, event: CameOn | WentOff) -> list[StreamId]:
        return [stream("doctor", event.who)]

    def decide(self, command: Turn, off: frozenset[str]) -> list[CameOn | WentOff]:
        if command.who in off:
            return [CameOn(command.who)]
        if command.other in off:
            raise Needed
        return [WentOff(command.who, command.other)]

    def evolve(self, off: frozenset[str], event: CameOn | WentOff) -> frozenset[str]:
        return off - {event.who} if isinstance(event, CameOn) else off | {event.who}


places, on_call = Places(), OnCall()
school = App("school", deciders=[places, on_call])


def through_dcb(boundary: Boundary, command: Swap | Turn) -> None:
    """The same decisions in the other form. Raises Conflict when somebody was first, and the domain's refusals."""
    decider = places if isinstance(command, Swap) else on_call
    tags = decider.boundary(command)  # type: ignore[arg-type]
    query = Query(tuple(QueryItem(tags=(tag,)) for tag in tags))
    state, after = decider.initial, 0
    for recorded in boundary.read(query):
        state, after = decider.evolve(state, recorded.data), recorded.position  # type: ignore[arg-type]
    events: Sequence[Joined | Left | CameOn | WentOff] = decider.decide(command, state)  # type: ignore[arg-type]
    written = tags if isinstance(command, Swap) else tags[:1]
    boundary.append([Tagged(event, tuple(written)) for event in events], Condition(query, after))


def broken_rules(events: Iterable[Event]) -> list[str]:
    """Each event whose condition was false at its position, by folding the log in order."""
    pairs, off, found = set[tuple[str, str]](), set[str](), list[str]()
    by_course, by_student = Counter[str](), Counter[str]()
    for event in events:
        data = event.data
        if event.type in ("Joined", "Left"):
            pair = (data["course"], data["student"])
            step = 1 if event.type == "Joined" else -1
            if (pair in pairs) != (event.type == "Left"):
                found.append(f"position {event.position}: {pair} was {'already' if step > 0 else 'not'} there")
            if step > 0 and (data["places"], data["courses"]) != (by_course[pair[0]], by_student[pair[1]]):
                found.append(f"position {event.position} was decided on another number of places or courses")
            (pairs.add if step > 0 else pairs.discard)(pair)
            by_course[pair[0]] += step
            by_student[pair[1]] += step
            if by_course[pair[0]] > PLACES or by_student[pair[1]] > COURSES_A_STUDENT:
                found.append(f"position {event.position} is one too many")
        elif event.type == "CameOn":
            off.discard(data["who"])
        else:
            if data["other"] in off:
                found.append(f"position {event.position}: both {data['who']} and {data['other']} are off")
            off.add(data["who"])
    return found
