"""The college: who sits where, by course and by student."""

import enrolment
from enrolment import Enrolled, Left, Offered
from msgspec import Struct

from leftfold import App, Recorded, View


class Course(Struct, frozen=True):
    capacity: int = 0
    taken: int = 0

def free(course: Course) -> int:
    return course.capacity - course.taken

def by_course(event: Recorded[enrolment.Event]) -> str:
    return event.data.course

def course_row(row: Course, event: enrolment.Event) -> Course:
    match event:
        case Offered(_, capacity): return Course(capacity, row.taken)
        case Enrolled(): return Course(row.capacity, row.taken + 1)
        case Left(): return Course(row.capacity, row.taken - 1)


def by_student(event: Recorded[Enrolled | Left]) -> str:
    return event.data.student

def timetable(row: tuple[str, ...], event: Enrolled | Left) -> tuple[str, ...] | None:
    """A student's courses; a student without one has no row."""
    match event:
        case Enrolled(course): return (*row, course)
        case Left(course): return tuple(taken for taken in row if taken != course) or None


courses = View("courses", initial=Course(), evolve=course_row, key=by_course, indexes={"free": free})
timetables = View[tuple[str, ...]]("timetables", initial=(), evolve=timetable, key=by_student)

college = App("college", deciders=[enrolment], views=[courses, timetables])
