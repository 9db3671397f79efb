"""Conditions hold, don't hold, or hang on what nobody knows."""

import pytest

from leftfold.fit.answers import Answers
from leftfold.fit.conditions import All, Any, AtLeast, Beyond, Condition, Is, Not, Product, Yes, keys

YES, NO, UNKNOWN = Yes("process_rich"), Yes("crud_verbs"), Yes("short_lived")
ASKED = Answers(
    process_rich=True, crud_verbs=False, team_size=3, commands_per_s=20, subdomain="core", regulation=("sox",)
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (YES, True),
        (NO, False),
        (UNKNOWN, None),
        (Not(YES), False),
        (Not(NO), True),
        (Not(UNKNOWN), None),
        (All((YES, UNKNOWN)), None),
        (All((NO, UNKNOWN)), False),
        (All((YES, Not(NO))), True),
        (Any((NO, UNKNOWN)), None),
        (Any((YES, UNKNOWN)), True),
        (Any((NO, Not(YES))), False),
        (AtLeast("team_size", 3), True),
        (AtLeast("team_size", 4), False),
        (AtLeast("read_models", 1), None),
        (Is("subdomain", ("core", "generic")), True),
        (Is("subdomain", ("generic",)), False),
        (Is("team_experience", ("none",)), None),
        (Is("regulation", ("gdpr", "sox")), True),
        (Is("regulation", ("gdpr",)), False),
        (Product("commands_per_s", "team_size", 60), True),
        (Product("commands_per_s", "team_size", 61), False),
        (Product("commands_per_s", "events_per_command", 20), None),
        (Product("events_per_command", "commands_per_s", 1), None),
        (Beyond("commands_per_s", 19.9), True),
        (Beyond("commands_per_s", 20), False),
        (Beyond("commands_per_s", 6, ("team_size",)), True),
        (Beyond("commands_per_s", 7, ("team_size",)), False),
        (Beyond("commands_per_s", 1, ("team_size", "streams")), None),
        (Beyond("streams", 1, ("team_size",)), None),
    ],
)
def test_a_condition_is_three_valued(condition: Condition, expected: bool | None) -> None:
    assert condition.holds(ASKED) is expected


def test_an_empty_list_is_an_answer() -> None:
    assert Is("regulation", ("sox",)).holds(Answers(regulation=())) is False


def test_a_condition_names_what_it_reads_once() -> None:
    nested = All(
        (Not(Any((YES, Beyond("streams", 1, ("retention_years",))))), YES, Product("a", "b", 1), AtLeast("c", 1))
    )
    assert keys(nested) == ("process_rich", "streams", "retention_years", "a", "b", "c")
