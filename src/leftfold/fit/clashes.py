"""Answers that can't well be true together, as data. None is refused: each is asked about again."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from leftfold.fit.answers import Answers
from leftfold.fit.conditions import All, AtLeast, Beyond, Condition, Is, Not, Yes, keys
from leftfold.fit.judgement import Clash

PEAK: Final = 10_000  # times the average: at such a peak all changes of a month would be over in five minutes
BY_HAND_S: Final = 10  # changes a second to one thing that a rare busy moment may have, however little happens else
_BYTES_A_KB: Final = 1_024  # whoever counts so isn't told of a contradiction
_SECONDS_A_YEAR: Final = 31_536_000  # 365 days
LONG_YEARS: Final = 5  # no prototype or campaign keeps its data so long, and nobody else without a law or a need
BROKER_YEARS: Final = 3  # the shortest time for which rule 17a-4 keeps a record; for others it is six
SHORT_YEARS: Final = 0.08  # what is gone after a month can't be asked about a past date
MANY_COMMANDS_S: Final = 1  # changes a second, day and night, that lookup data never sees
IMPORTED: Final = 10  # times as many things as changes: some come from an older system, but hardly nearly all
SPREAD: Final = 2  # times what all things together could bear, since these are round numbers


class ClashRule(Struct, frozen=True):
    """Where the condition holds, its answers contradict each other, or so nearly that one of them is likely wrong."""

    id: str
    condition: Condition
    why: str

    @property
    def keys(self) -> tuple[str, ...]:
        return keys(self.condition)


def _both(left: str, right: str) -> All:
    return All((Yes(left), Yes(right)))


CLASHES: Final = (
    ClashRule(
        "crud_process",
        _both("crud_verbs", "process_rich"),
        "Either people only create, change and delete, or there are rules on what may follow what.",
    ),
    ClashRule(
        "crud_reversal",
        _both("crud_verbs", "corrections_by_reversal"),
        "Who corrects by a counter-entry never changes or deletes what stands.",
    ),
    ClashRule(
        "crud_observed",
        _both("crud_verbs", "observed_not_decided"),
        "Observations are recorded and stay; nobody edits or deletes them one by one.",
    ),
    ClashRule(
        "reference_contention",
        _both("static_reference_data", "concurrent_writers"),
        "Data that hardly ever changes has no writers who contend for it.",
    ),
    ClashRule(
        "reference_process",
        _both("static_reference_data", "process_rich"),
        "Lookup data has no life cycle that experts talk about.",
    ),
    ClashRule(
        "reference_busy",
        All((Yes("static_reference_data"), AtLeast("commands_per_s", MANY_COMMANDS_S))),
        "Lookup data doesn't change every second.",
    ),
    ClashRule(
        "reference_observed",
        _both("static_reference_data", "observed_not_decided"),
        "Lookup data stands still, observations keep coming.",
    ),
    ClashRule(
        "short_lived_long_kept",
        All((Yes("short_lived"), AtLeast("retention_years", LONG_YEARS))),
        "What is thrown away within a year isn't kept for years.",
    ),
    ClashRule(
        "short_lived_regulated",
        All((Yes("short_lived"), Is("regulation", ("sox", "hipaa", "sec17a4")))),
        "Records under these rules are kept for years, whatever becomes of the program.",
    ),
    ClashRule(
        "observed_process",
        _both("observed_not_decided", "process_rich"),
        "If rules say what may follow what, somebody decides; what only observes follows no rules.",
    ),
    ClashRule(
        "observed_reversal",
        _both("observed_not_decided", "corrections_by_reversal"),
        "An observation isn't taken back by a counter-entry; nobody had decided it.",
    ),
    ClashRule(
        "observed_contention",
        _both("observed_not_decided", "concurrent_writers"),
        "Two observations can't be in each other's way; only decisions can.",
    ),
    ClashRule(
        "proof_regulated",
        All((Not(Yes("provable_audit")), Is("regulation", ("sec17a4",)))),
        "SEC rule 17a-4 wants records that can't be rewritten, or a trail from which each original can be restored.",
    ),
    ClashRule(
        "broker_short",
        All((Is("regulation", ("sec17a4",)), Not(AtLeast("retention_years", BROKER_YEARS)))),
        "SEC rule 17a-4 keeps records for three years at the least, most of them for six.",
    ),
    ClashRule(
        "gdpr_erasure",
        All(
            (
                Not(Yes("erasure_required")),
                Is("regulation", ("gdpr",)),
                Not(AtLeast("retention_years", LONG_YEARS)),
            )
        ),
        "The GDPR gives people a right to erasure, unless a law makes you keep their data, and such laws ask for years.",
    ),
    ClashRule(
        "history_unkept",
        All((Yes("history_is_business_data"), Not(AtLeast("retention_years", SHORT_YEARS)))),
        "People can't ask how it stood on a past date if it is kept for less than a month.",
    ),
    ClashRule(
        "workflow_history",
        _both("workflow_only", "history_is_business_data"),
        "Either only waits and retries are wanted, or people ask about the past.",
    ),
    ClashRule(
        "workflow_questions",
        _both("workflow_only", "new_questions_on_old_data"),
        "Either only waits and retries are wanted, or old data too.",
    ),
    ClashRule(
        "workflow_reads",
        All((Yes("workflow_only"), AtLeast("read_models", 3))),
        "Three and more ways to read it are more than waits and retries.",
    ),
    ClashRule(
        "workflow_crud",
        _both("workflow_only", "crud_verbs"),
        "Records that people create and edit are more than waits and retries.",
    ),
    ClashRule(
        "workflow_audit",
        _both("workflow_only", "provable_audit"),
        "Proof for a third party is more than waits and retries.",
    ),
    ClashRule(
        "workflow_observed",
        _both("workflow_only", "observed_not_decided"),
        "What only records observations has nothing to wait for or to undo.",
    ),
    ClashRule(
        "workflow_reference",
        _both("workflow_only", "static_reference_data"),
        "Lookup data has nothing to wait for or to undo.",
    ),
    ClashRule(
        "whole_subdomain",
        All((Yes("whole_system"), Is("subdomain", ("core", "supporting")))),
        "A whole system is never all core or all supporting; answer for one part of it.",
    ),
    ClashRule(
        "hot_key_faster",
        All((Beyond("per_stream_writes_s", PEAK, ("commands_per_s",)), Beyond("per_stream_writes_s", BY_HAND_S))),
        f"The busiest thing alone is said to change over {PEAK:,} times as often as everything together does on average.",
    ),
    ClashRule(
        "spread_too_thin",
        Beyond("commands_per_s", SPREAD, ("per_stream_writes_s", "streams")),
        "Were every single thing as busy as the busiest, there would still be fewer changes than are said.",
    ),
    ClashRule(
        "read_by_none",
        All((Not(AtLeast("read_models", 1)), Beyond("queries_per_s", 0))),
        "If it is read at all, it is read in one shape at the least.",
    ),
    ClashRule(
        "average_over_largest",
        Beyond("event_bytes", _BYTES_A_KB, ("max_event_kb",)),
        "The average event is larger than the largest one.",
    ),
    ClashRule(
        "more_streams_than_commands",
        Beyond("streams", IMPORTED * _SECONDS_A_YEAR, ("commands_per_s", "retention_years")),
        f"There are over {IMPORTED} times more things than changes in the whole time; few of them would ever have begun.",
    ),
)


def found(answers: Answers) -> tuple[ClashRule, ...]:
    """What clashes for certain."""
    return tuple(one for one in CLASHES if one.condition.holds(answers) is True)


def clashes(answers: Answers) -> tuple[Clash, ...]:
    return tuple(Clash(one.keys, one.why) for one in found(answers))
