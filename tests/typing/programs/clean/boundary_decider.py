"""A decision over two streams needs no key."""

from typing import assert_type

import enrolment
from bank import enrolments
from enrolment import Enrol, Enrolled, Places

from leftfold import Outcome, Recorded, Send, StreamId, send, stream
from leftfold.category import BoundaryCategory
from leftfold.testing import given, happened, reaction

assert_type(enrolments, BoundaryCategory[Enrol, Places, Enrolled])
assert_type(enrolments.handle(Enrol("c1", "s7"), command_id="req-1"), Outcome[Places, Enrolled])
assert_type(enrolments.state(Enrol("c1", "s7")), Places)
assert_type(stream("course", "c1"), StreamId)


def again(event: Recorded[Enrolled]) -> list[Send]:
    return [send(enrolment, Enrol(event.data.course, event.data.student))]


def test_a_student_takes_at_most_three() -> None:
    given(enrolment, Enrolled("c1", "s7")).when(Enrol("c2", "s7")).then(Enrolled("c2", "s7"))
    given(enrolment, *[Enrolled("c1", "s7")] * 3).when(Enrol("c2", "s7")).nothing()
    reaction(again).on(happened("course", "c1", Enrolled("c1", "s7"))).sends()
