"""A course has a capacity, a student takes at most three: one decision over two streams."""

from msgspec import Struct

from leftfold import StreamId, stream

MOST_COURSES = 3


class Offer(Struct, frozen=True): course: str; capacity: int
class Enrol(Struct, frozen=True): course: str; student: str
class Leave(Struct, frozen=True): course: str; student: str

class Offered(Struct, frozen=True): course: str; capacity: int
class Enrolled(Struct, frozen=True): course: str; student: str
class Left(Struct, frozen=True): course: str; student: str

Command = Offer | Enrol | Leave
Event = Offered | Enrolled | Left

class Refused(Exception): ...

class Known(Struct, frozen=True):
    """What the two streams of a decision say: the course's capacity, and who takes what, as (course, student)."""

    capacity: int = 0  # of a course that is not offered
    places: frozenset[tuple[str, str]] = frozenset()

    def in_course(self, course: str) -> int:
        return sum(taken == course for taken, _ in self.places)

    def of_student(self, student: str) -> int:
        return sum(who == student for _, who in self.places)

category = "enrolment"
initial = Known()
refusals = (Refused,)

def boundary(command: Command) -> list[StreamId]:
    """What a decision reads and guards."""
    match command:
        case Offer(course): return [stream("course", course)]
        case Enrol(course, student) | Leave(course, student): return [stream("course", course), stream("student", student)]

def streams(event: Event) -> list[StreamId]:
    """Where an event is written: whoever asks for a student's events gets the enrolments, not the offers."""
    match event:
        case Offered(course): return [stream("course", course)]
        case Enrolled(course, student) | Left(course, student): return [stream("course", course), stream("student", student)]

def decide(command: Command, known: Known) -> list[Event]:
    match command:
        case Offer() if known.capacity: raise Refused("already offered")
        case Offer(_, capacity) if capacity < 1: raise Refused("a course has at least one place")
        case Offer(course, capacity): return [Offered(course, capacity)]
        case Leave(course, student) if (course, student) not in known.places: raise Refused("not enrolled")
        case Leave(course, student): return [Left(course, student)]
        case Enrol() if not known.capacity: raise Refused("no such course")
        case Enrol(course, student) if (course, student) in known.places: raise Refused("already enrolled")
        case Enrol(course) if known.in_course(course) >= known.capacity: raise Refused("the course is full")
        case Enrol(_, student) if known.of_student(student) >= MOST_COURSES: raise Refused("three courses are enough")
        case Enrol(course, student): return [Enrolled(course, student)]

def evolve(known: Known, event: Event) -> Known:
    match event:
        case Offered(_, capacity): return Known(capacity, known.places)
        case Enrolled(course, student): return Known(known.capacity, known.places | {(course, student)})
        case Left(course, student): return Known(known.capacity, known.places - {(course, student)})
