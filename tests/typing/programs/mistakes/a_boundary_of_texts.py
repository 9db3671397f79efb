"""A boundary names streams, not their keys."""

import enrolment
from bank import session
from enrolment import Enrol, Enrolled, Places


class Enrolling:
    category = "enrolling"
    initial = Places()

    def boundary(self, command: Enrol) -> list[str]:
        return [command.course, command.student]

    def decide(self, command: Enrol, places: Places) -> list[Enrolled]:
        return enrolment.decide(command, places)

    def evolve(self, places: Places, event: Enrolled) -> Places:
        return enrolment.evolve(places, event)


enrolling = session.category(Enrolling()).handle(Enrol("c1", "s7"))  # error
