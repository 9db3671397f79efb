"""A timer may be set for an hour of any zone, the one that comes twice a year too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from leftfold import Schedule
from leftfold.core.runs import Fired, Took
from tests.processes.test_stepping import Shop

TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=UTC).replace(tzinfo=None)  # of this night, 02:00 to 03:00 comes twice


class Autumn(tzinfo):
    """A zone that goes back from summer time: until then two hours before UTC, afterwards one."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        assert dt is not None
        after = dt.replace(tzinfo=None, fold=0) >= (
            TWICE.replace(minute=0) if dt.fold else TWICE.replace(hour=3, minute=0)
        )
        return timedelta(hours=1 if after else 2)

    def dst(self, dt: datetime | None) -> timedelta:
        return self.utcoffset(dt) - timedelta(hours=1)

    def tzname(self, dt: datetime | None) -> str:
        return "autumn"


@pytest.mark.parametrize(("fold", "hour"), [(0, 0), (1, 1)], ids=["first", "second"])
def test_a_timer_of_the_hour_that_comes_twice_fires_at_the_one_that_was_said(fold: int, hour: int) -> None:
    at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    shop = Shop(Schedule("night", at=TWICE.replace(tzinfo=Autumn(), fold=fold)))
    shop.clock.forward((at - shop.clock.now() - timedelta(hours=1)).total_seconds())
    shop.place()
    shop.session.catch_up()
    assert shop.session.operations.dead_letters() == []
    assert shop.run().timers == {"night": at}
    shop.script.todo = []
    shop.clock.forward(3599)
    shop.session.catch_up()
    assert [type(step.cause) for step in shop.steps()] == [Took]
    shop.clock.forward(1)
    shop.session.catch_up()
    assert [type(step.cause) for step in shop.steps()] == [Took, Fired]
