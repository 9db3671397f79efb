"""A course has three places, a student takes at most two courses: a decision over two streams."""

from msgspec import Struct

from leftfold import StreamId, stream


class Enrol(Struct, frozen=True):
    course: str
    student: str


class Enrolled(Struct, frozen=True):
    course: str
    student: str


class Places(Struct, frozen=True):
    """Who takes what, in the order in which it was recorded, as far as the boundary shows it."""

    taken: tuple[tuple[str, str], ...] = ()


class Full(Exception):
    """No place is left."""


class Enrolment:
    category = "enrolment"
    initial = Places()
    refusals = (Full,)

    def boundary(self, command: Enrol) -> list[StreamId]:
        return [stream("course", command.course), stream("student", command.student)]

    def decide(self, command: Enrol, places: Places) -> list[Enrolled]:
        if (command.course, command.student) in places.taken:
            return []
        if sum(course == command.course for course, _ in places.taken) >= 3:
            raise Full(command.course)
        if sum(student == command.student for _, student in places.taken) >= 2:
            raise Full(command.student)
        return [Enrolled(command.course, command.student)]

    def evolve(self, places: Places, event: Enrolled) -> Places:
        return Places((*places.taken, (event.course, event.student)))


enrolment = Enrolment()
