"""Never over capacity, never a fourth course: alone, and when everybody wants the last seat at once."""

import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import enrolment
import pytest
from college import Course, college, courses, timetables
from enrolment import Enrol, Enrolled, Event, Known, Leave, Left, Offer, Offered, Refused

from leftfold import App, Recorded, Session, StreamId, stream
from leftfold.testing import given, happened, view

THREADS: Final = 8
SEATS: Final = {"art": 5, "botany": 5, "chess": 5, "drama": 5, "english": 5}
STUDENTS: Final = [f"s{n}" for n in range(12)]


def test_a_course_is_offered_once() -> None:
    given(enrolment).when(Offer("art", 2)).then(Offered("art", 2))
    given(enrolment).when(Offer("art", 0)).raises(Refused, "at least one place")
    given(enrolment, Offered("art", 2)).when(Offer("art", 9)).raises(Refused, "already offered")


def test_nobody_enrols_in_a_course_that_is_not_offered() -> None:
    given(enrolment).when(Enrol("art", "s1")).raises(Refused, "no such course")


def test_a_full_course_takes_nobody_until_somebody_leaves() -> None:
    full = Offered("art", 2), Enrolled("art", "s1"), Enrolled("art", "s2")
    given(enrolment, *full).when(Enrol("art", "s3")).raises(Refused, "full")
    given(enrolment, *full, Left("art", "s1")).when(Enrol("art", "s3")).then(Enrolled("art", "s3"))


def test_a_student_takes_at_most_three_courses() -> None:
    busy = Offered("art", 9), Enrolled("botany", "s1"), Enrolled("chess", "s1"), Enrolled("drama", "s1")
    given(enrolment, *busy).when(Enrol("art", "s1")).raises(Refused, "three")
    given(enrolment, *busy).when(Enrol("art", "s2")).then(Enrolled("art", "s2"))


def test_one_enrols_once_and_leaves_what_one_takes() -> None:
    given(enrolment, Offered("art", 9), Enrolled("art", "s1")).when(Enrol("art", "s1")).raises(Refused, "already")
    given(enrolment, Offered("art", 9)).when(Leave("art", "s1")).raises(Refused, "not enrolled")


def test_the_views_count_seats_and_drop_empty_timetables() -> None:
    history: list[Recorded[Event]] = [
        happened("course", "art", Offered("art", 2)),
        happened("course", "art", Enrolled("art", "s1")),
        happened("course", "art", Enrolled("art", "s2")),
        happened("course", "art", Left("art", "s2")),
    ]
    seen = view(courses).after(*history)
    seen.rows({"art": Course(capacity=2, taken=1)})
    seen.found(["art"], free=1)
    view(timetables).after(*history).rows({"s1": ("art",)})


def test_an_enrolment_stands_in_both_streams_and_once_in_the_log(every_store: str) -> None:
    with college.open(every_store) as session:
        enrolments = session.category(enrolment)
        enrolments.handle(Offer("art", 2))
        enrolments.handle(Enrol("art", "s1"))
        log = list(session.log())
        assert [event.slots for event in log] == [(("course/art", 1),), (("course/art", 2), ("student/s1", 1))]
        assert enrolments.state(Enrol("art", "s1")) == Known(2, frozenset({("art", "s1")}))


def test_threads_that_contend_never_fill_a_course_over_its_capacity(every_store: str) -> None:
    with opened(college, every_store) as session:
        refusals = everybody_wants_everything(session)
        taken = check(session)
        session.catch_up()
        assert {key: row.taken for key, row in session.view(courses).scan()} == taken
        assert sum(taken.values()) + refusals == len(SEATS) * len(STUDENTS)  # each got a seat or a refusal


def test_a_decision_that_forgets_a_stream_is_caught() -> None:
    """The planted fault: the student is read before, but not guarded."""
    with opened(App("careless", deciders=[CARELESS, enrolment]), "memory:") as session:
        careless, everything = session.category(CARELESS), session.category(enrolment)
        read = threading.Barrier(len(SEATS))

        def enrol(course: str) -> None:
            known = everything.state(Enrol(course, "s1"))
            read.wait()  # everybody has read before anybody writes
            enrolment.decide(Enrol(course, "s1"), known)
            careless.handle(Enrol(course, "s1"))

        with ThreadPoolExecutor(len(SEATS)) as pool:
            list(pool.map(enrol, SEATS))
        with pytest.raises(AssertionError):
            check(session)


class Careless:
    """The same rules, with a boundary of the course alone."""

    category = "careless"
    initial = enrolment.initial

    def boundary(self, command: enrolment.Command) -> list[StreamId]:
        return [stream("course", command.course)]

    def decide(self, command: enrolment.Command, state: Known) -> list[Event]:
        return enrolment.decide(command, state)

    def evolve(self, state: Known, event: Event) -> Known:
        return enrolment.evolve(state, event)


CARELESS: Final = Careless()


@contextmanager
def opened(app: App, url: str) -> Generator[Session]:
    """A session in which the courses are offered."""
    with app.open(url) as session:
        for course, seats in SEATS.items():
            session.category(enrolment).handle(Offer(course, seats))
        yield session


def everybody_wants_everything(session: Session) -> int:
    """Each student in each course, from several threads at once. Returns how many were refused."""
    start = threading.Barrier(THREADS)
    wishes = [(course, student) for student in STUDENTS for course in SEATS]

    def ask(part: int) -> int:
        refused = 0
        start.wait()
        for course, student in wishes[part::THREADS]:
            try:
                session.category(enrolment).handle(Enrol(course, student))
            except Refused:
                refused += 1
        return refused

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(ask, range(THREADS)))


def check(session: Session) -> dict[str, int]:
    """Count the log itself: no course is over its capacity, no student over three. Returns the seats taken."""
    enrolled = [event.data for event in session.log() if isinstance(event.data, Enrolled)]
    taken = Counter(event.course for event in enrolled)
    busy = Counter(event.student for event in enrolled)
    assert all(taken[course] <= seats for course, seats in SEATS.items()), taken
    assert all(count <= enrolment.MOST_COURSES for count in busy.values()), busy
    assert len({(event.course, event.student) for event in enrolled}) == len(enrolled)
    return dict(taken)
