"""A course has a capacity, a student takes at most three: a decision over two streams."""

from msgspec import Struct

from leftfold import StreamId, stream


class Enrol(Struct, frozen=True):
    course: str
    student: str


class Enrolled(Struct, frozen=True):
    course: str
    student: str


Event = Enrolled


class Places(Struct, frozen=True):
    taken: int = 0


category = "enrolment"
initial = Places()


def boundary(command: Enrol) -> list[StreamId]:
    return [stream("course", command.course), stream("student", command.student)]


def decide(command: Enrol, places: Places) -> list[Enrolled]:
    return [Enrolled(command.course, command.student)] if places.taken < 3 else []


def evolve(places: Places, event: Event) -> Places:
    return Places(places.taken + 1)
