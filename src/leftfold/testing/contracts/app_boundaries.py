"""Decisions over several streams on any store, in the user's form and in the form of dcb.events."""

from __future__ import annotations

from functools import partial

import pytest

from leftfold.app import App
from leftfold.core.attempt import Failed
from leftfold.core.errors import BadKey, ConfigError, Conflict, Rejected, TooLarge
from leftfold.core.streams import stream
from leftfold.dcb import Condition, Query, QueryItem, Tagged
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.contracts.base import all_at_once
from leftfold.testing.sample import (
    AddCourse,
    CourseAdded,
    Enrol,
    Enrolled,
    Leave,
    Left,
    Refused,
    enrolments,
    on_call,
    school,
)

C1, C2, S1, S2 = stream("course", "c1"), stream("course", "c2"), stream("student", "s1"), stream("student", "s2")
FACTS = App("facts", events=CourseAdded | Enrolled | Left)


def matching(*items: QueryItem) -> Query:
    return Query(items)


class AppBoundaries(AppBase):
    """Guards, write skew, queries and conditions."""

    def test_a_decision_sees_and_writes_all_its_streams(self, open_app: OpenApp) -> None:
        session = open_app(school)
        school_ = session.category(enrolments)
        school_.handle(AddCourse("c1", 2))
        outcome = school_.handle(Enrol("c1", "s1"), command_id="e1")
        assert outcome.events == (Enrolled("c1", "s1"),)
        assert outcome.version == 2
        for command in (Enrol("c1", "s9"), Enrol("c9", "s1")):
            assert school_.state(command).pairs == {("c1", "s1")}
        self.settle(session.backend)
        assert [event.slots for event in session.log()] == [
            (("course/c1", 1),),
            (("course/c1", 2), ("student/s1", 1)),
        ]
        assert school_.handle(Enrol("c1", "s1"), command_id="e1").repeated

    def test_a_rule_over_several_streams_holds(self, open_app: OpenApp) -> None:
        school_ = open_app(school).category(enrolments)
        for course in ("c1", "c2", "c3"):
            school_.handle(AddCourse(course, 1))
        school_.handle(Enrol("c1", "s1"))
        school_.handle(Enrol("c2", "s1"))
        with pytest.raises(Refused, match="full"):
            school_.handle(Enrol("c1", "s2"))
        with pytest.raises(Refused, match="two courses"):
            school_.handle(Enrol("c3", "s1"))

    def test_of_students_who_want_the_last_seat_one_gets_it(self, open_app: OpenApp) -> None:
        sessions = [open_app(school) for _ in range(2)]
        sessions[0].category(enrolments).handle(AddCourse("c1", 1))
        tasks = [partial(sessions[i % 2].category(enrolments).handle, Enrol("c1", f"s{i}")) for i in range(4)]
        results = all_at_once(tasks)
        assert sum(not isinstance(one, Failed) for one in results) == 1
        assert all(isinstance(one.error, Refused) for one in results if isinstance(one, Failed))

    def test_two_who_read_each_others_stream_can_not_both_be_right(self, open_app: OpenApp) -> None:
        sessions = [open_app(school) for _ in range(2)]
        for day in range(5):
            ann, bob = f"ann-{day}", f"bob-{day}"
            leaving = [(sessions[0], Leave(ann, bob)), (sessions[1], Leave(bob, ann))]
            results = all_at_once([partial(s.category(on_call).handle, command) for s, command in leaving])
            assert sum(isinstance(one, Failed) and isinstance(one.error, Refused) for one in results) == 1, results

    def test_a_guarded_stream_that_moved_only_costs_another_try(self, open_app: OpenApp) -> None:
        one, other = (open_app(school) for _ in range(2))
        one.category(enrolments).handle(AddCourse("c1", 5))
        one.category(enrolments).handle(Enrol("c1", "s1"))
        other.category(enrolments).handle(Enrol("c1", "s2"))
        one.category(enrolments).handle(Enrol("c1", "s3"))
        assert len(one.category(enrolments).state(Enrol("c1", "s9")).pairs) == 3

    # the form of dcb.events

    def test_a_query_matches_types_and_tags(self, open_app: OpenApp) -> None:
        boundary = open_app(FACTS).dcb()
        boundary.append([Tagged(CourseAdded("c1", 9), (C1,)), Tagged(CourseAdded("c2", 9), (C2,))])
        boundary.append([Tagged(Enrolled("c1", "s1"), (C1, S1))])
        boundary.append([Tagged(Enrolled("c2", "s1"), (C2, S1)), Tagged(Left("x"))])

        def positions(*items: QueryItem, after: int = 0) -> list[int]:
            return [event.position for event in boundary.read(matching(*items), after=after)]

        assert positions() == [1, 2, 3, 4, 5]
        assert positions(after=3) == [4, 5]
        assert positions(QueryItem(tags=(C1,))) == [1, 3]
        assert positions(QueryItem(tags=(S1,)), after=3) == [4]
        assert positions(QueryItem(tags=(S1, C1))) == [3]
        assert positions(QueryItem((CourseAdded,))) == [1, 2]
        assert positions(QueryItem((CourseAdded, Left))) == [1, 2, 5]
        assert positions(QueryItem((Enrolled,), (C2,))) == [4]
        assert positions(QueryItem((Enrolled,), (C2,)), QueryItem((CourseAdded,), (C1,))) == [1, 4]
        assert positions(QueryItem((Left,)), QueryItem(tags=(C1,))) == [1, 3, 5]
        assert positions(QueryItem((Left,), (C1,))) == positions(QueryItem(tags=(S2,))) == []

    def test_an_append_fails_when_something_newer_matches_its_condition(self, open_app: OpenApp) -> None:
        boundary = open_app(FACTS).dcb()
        boundary.append([Tagged(CourseAdded("c1", 1), (C1,))])
        one_seat = Condition(matching(QueryItem((Enrolled,), (C1,))), after=1)
        boundary.append([Tagged(Enrolled("c1", "s1"), (C1, S1))], one_seat)
        with pytest.raises(Conflict):
            boundary.append([Tagged(Enrolled("c1", "s2"), (C1, S2))], one_seat)
        boundary.append([Tagged(Enrolled("c1", "s2"), (C1, S2))], Condition(one_seat.query, after=2))
        assert [event.position for event in boundary.read(Query())] == [1, 2, 3]

    def test_what_does_not_match_the_condition_does_not_fail_it(self, open_app: OpenApp) -> None:
        boundary = open_app(FACTS).dcb()
        boundary.append([Tagged(CourseAdded("c1", 1), (C1,)), Tagged(Enrolled("c2", "s1"), (C2, S1))])
        for item in (QueryItem((Enrolled,), (C1,)), QueryItem((CourseAdded,), (S1,)), QueryItem(tags=(C1, S1))):
            boundary.append([Tagged(Left("x"))], Condition(matching(item)))
        assert len(list(boundary.read(Query()))) == 5

    def test_a_condition_on_everything_fails_on_anything(self, open_app: OpenApp) -> None:
        session = open_app(FACTS)
        boundary = session.dcb()
        try:
            boundary.append([Tagged(Left("x"))], Condition(Query()))
        except ConfigError:  # a store that can't hold a condition on the whole log says so, and writes nothing
            assert list(boundary.read(Query())) == []
            return
        self.settle(session.backend)
        with pytest.raises(Conflict):
            boundary.append([Tagged(Left("y"))], Condition(Query()))
        with pytest.raises(Conflict):
            boundary.append([Tagged(Left("y"))], Condition(matching(QueryItem((Left,)))))
        boundary.append([Tagged(Left("y"))], Condition(matching(QueryItem((Enrolled,)))))

    def test_of_appends_at_once_under_one_condition_one_wins(self, open_app: OpenApp) -> None:
        boundaries = [open_app(FACTS).dcb() for _ in range(2)]
        seat = Condition(matching(QueryItem((Enrolled,), (C1,))))
        tasks = [
            partial(boundaries[i % 2].append, [Tagged(Enrolled("c1", f"s{i}"), (stream("student", f"s{i}"), C1))], seat)
            for i in range(4)
        ]
        results = all_at_once(tasks)
        assert sum(not isinstance(one, Failed) for one in results) == 1
        assert all(isinstance(one.error, Conflict) for one in results if isinstance(one, Failed))

    def test_a_repeated_append_is_answered_as_the_first_one(self, open_app: OpenApp) -> None:
        boundary = open_app(FACTS).dcb()
        condition = Condition(matching(QueryItem(tags=(C1,))))
        first = boundary.append([Tagged(CourseAdded("c1", 1), (C1,))], condition, command_id="a1")
        assert boundary.append([Tagged(CourseAdded("c1", 1), (C1,))], condition, command_id="a1") == first
        assert len(list(boundary.read(Query()))) == 1

    def test_tags_over_their_limits_are_rejected(self, open_app: OpenApp) -> None:
        boundary = open_app(FACTS).dcb()
        with pytest.raises(TooLarge):
            boundary.append([Tagged(Left("x"), tuple(stream("t", str(i)) for i in range(21)))])
        with pytest.raises(BadKey):
            boundary.append([Tagged(Left("x"), (stream("t", "x" * 127),))])
        with pytest.raises(Rejected):
            boundary.append([])
        assert list(boundary.read(Query())) == []
        boundary.append([Tagged(Left("x"), tuple(stream("t", f"{i:0126}") for i in range(20)))])
