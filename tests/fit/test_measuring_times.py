"""Recorded times say how often anything happens only where they are those of real work: an import's are its own."""

from collections.abc import Callable, Iterable

import pytest

from leftfold.fit.advice import Measured
from leftfold.measuring import history as history_module, measure
from leftfold.measuring.history import SPAN_S, said_s
from leftfold.testing.clock import FrozenClock
from tests.fit.shelves import Put, opened, shelf

HOUR_S = 3600.0


def after(pauses: Iterable[float], keys: Callable[[int], str] = str) -> Measured:
    """One commit of one event after each pause, and a day of nothing at the end."""
    clock = FrozenClock()
    with opened(clock) as session:
        books = session.category(shelf)
        for number, pause in enumerate(pauses):
            clock.forward(pause)
            books.handle(keys(number), Put(("x",)))
        clock.forward(24 * HOUR_S)
        return measure(session)


def check_two_days_of_work(found: Measured) -> None:
    assert found.answers["commands_per_s"] == pytest.approx(49 / (48 * HOUR_S))
    assert found.facts["recorded_days"] == pytest.approx(2)


def test_two_days_of_work_have_a_rate() -> None:
    found = after([0, *[HOUR_S] * 48])
    check_two_days_of_work(found)
    assert found.answers["per_stream_writes_s"] == 1
    assert found.how["commands_per_s"] == "commits over 2 days"
    assert found.facts["oldest_event_days"] == pytest.approx(3), "the clock says, and a day has passed since"
    assert "recorded_commits_per_s" not in found.facts


def test_an_import_has_none() -> None:
    found = after([0.01] * 50)
    assert not {"commands_per_s", "per_stream_writes_s"} & found.answers.keys()
    assert any(
        note.startswith("all of it was recorded within two seconds: it looks like an import") for note in found.notes
    )
    assert any(note.endswith("No rate was taken from its times: give --commands-per-s.") for note in found.notes)
    assert found.facts["recorded_commits_per_s"] == pytest.approx(50), "as a fact alone"


def test_an_import_with_some_days_of_work_after_it_has_none() -> None:
    found = after([*[0.01] * 60, *[HOUR_S] * 48])
    assert "commands_per_s" not in found.answers
    assert any("57% of all, over 2 days, came within 2 hours: it looks like an import" in note for note in found.notes)


def test_an_import_that_is_the_lesser_part_of_years_of_work_is_believed() -> None:
    assert "commands_per_s" in after([*[0.01] * 40, *[HOUR_S] * 48]).answers


@pytest.mark.parametrize(("span_s", "believed"), [(SPAN_S - 1, False), (SPAN_S, True)])
def test_a_day_is_the_least(span_s: float, believed: bool) -> None:
    found = after([0, *[span_s / 16] * 16])  # sixteenths of a second are exact
    assert ("commands_per_s" in found.answers) == believed


def test_working_hours_are_no_import() -> None:
    """A day's busiest hour has six times the average, its nights nothing."""
    day = [
        14 * HOUR_S,
        *[600.0] * 60,
        *[150.0] * 24,
    ]  # 14 hours of night; in the last of the others, four times as many
    found = after([0, *day * 2])
    assert found.answers["commands_per_s"] == pytest.approx(2 * 85 / found.facts["recorded_days"] / 86_400, rel=0.01)


def test_one_event_has_no_rate() -> None:
    found = after([0])
    assert "commands_per_s" not in found.answers
    assert found.facts["recorded_days"] == 0


def test_the_busiest_second_of_one_stream_is_its_rate() -> None:
    pauses = [0.0, *[HOUR_S] * 30, 0.1, 0.1, 0.1, *[HOUR_S] * 30]
    found = after(pauses, lambda number: "hot" if number in (30, 31, 32) else str(number))
    assert found.answers["per_stream_writes_s"] == 3, "four commits came in that second, one of them elsewhere"


def test_believing_every_time_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "SPAN_S", 0.0)
    monkeypatch.setattr(history_module, "MOST_IN_ONE", 1.0)
    check_two_days_of_work(after([0, *[HOUR_S] * 48]))
    with pytest.raises(AssertionError):
        test_an_import_has_none()
    with pytest.raises(AssertionError):
        test_an_import_with_some_days_of_work_after_it_has_none()


def test_rates_of_windows_are_those_of_the_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "WINDOW_EVENTS", 3)
    found = after([0, *[600.0] * 999])
    assert found.facts["events_read"] == 120
    assert found.answers["commands_per_s"] == pytest.approx(1 / 600, rel=0.01), "the span is from the first to the last"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "two seconds"),
        (59, "59 seconds"),
        (119, "119 seconds"),
        (121, "2 minutes"),
        (86_400, "24 hours"),
        (1e6, "12 days"),
    ],
)
def test_times_are_said_in_their_own_unit(seconds: float, said: str) -> None:
    assert said_s(seconds) == said
