"""The rules, as data: what counts for and against event sourcing, what decides at once, what must be solved first.

The weights are small whole numbers, so that a reader can add them up, and the sources say that a thing counts, never how
much: how much is this project's judgement.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.answers import Answers
from leftfold.fit.conditions import All, Any, AtLeast, Beyond, Condition, Is, Not, Product, Yes, keys
from leftfold.fit.costs.workload import UNANSWERED
from leftfold.fit.judgement import Gate, Reason, Verdict

STREAM_EVENTS_S: Final = 1_000  # observed facts a second from which a record each in a database is the wrong shape
KEY_WRITES_S: Final = 500  # half of what DynamoDB takes on one partition: the other half is for retries and bursts
EVENT_KB: Final = 300  # three quarters of DynamoDB's largest item: its key, its metadata and a second event need room
TAKEN_BYTES: Final = 262_144  # of an event, on any store: leftfold.codec.door.EVENT_BYTES


class Rule(Struct, frozen=True):
    """`weight` points where the condition holds: over 0 for event sourcing, under 0 against it.

    `brief` says it in a line of a terminal: at most 55 letters.
    """

    id: str
    weight: int
    condition: Condition
    why: str
    source: str
    brief: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return keys(self.condition)

    @property
    def reason(self) -> Reason:
        return Reason(self.id, self.weight, self.why, self.source, self.brief)


class Override(Struct, frozen=True):
    """Where the condition holds, the verdict is this one, whatever the score."""

    id: str
    verdict: Verdict
    condition: Condition
    why: str
    source: str
    brief: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return keys(self.condition)

    @property
    def reason(self) -> Reason:
        return Reason(self.id, 0, self.why, self.source, self.brief)


class GateRule(Struct, frozen=True):
    """What must be solved before anything else, and how it is done: beside some verdicts, or where none is named, any."""

    id: str
    condition: Condition
    why: str
    do: str
    source: str
    brief: str = ""
    beside: tuple[Verdict, ...] = ()


FOR: Final = (
    Rule(
        "history",
        3,
        Yes("history_is_business_data"),
        "Someone asks how it got here, or what it was on a date: that history is the product.",
        "aws-es",
        "Someone asks how it got here, or what it was on a date",
    ),
    Rule(
        "process",
        3,
        Yes("process_rich"),
        "Your experts already speak of facts and of what may follow them; events write down just that.",
        "azure-es",
        "Your experts already speak of facts and what may follow",
    ),
    Rule(
        "audit",
        2,
        Yes("provable_audit"),
        "A third party must be able to check that nothing was altered; an append-only log is made for it.",
        "aws-es",
        "A third party must be able to check for alterations",
    ),
    Rule(
        "reads",
        2,
        Any((AtLeast("read_models", 3), AtLeast("downstream_consumers", 2))),
        "The same facts are wanted in several shapes or by several others; each gets a view of its own.",
        "fowler",
        "The same facts are wanted in several shapes",
    ),
    Rule(
        "reversals",
        2,
        Yes("corrections_by_reversal"),
        "You correct a mistake by a counter-entry; that is how an append-only log is corrected anyway.",
        "azure-es",
        "You correct a mistake by a counter-entry",
    ),
    Rule(
        "new_questions",
        1,
        Yes("new_questions_on_old_data"),
        "New questions will be asked of old data; a new view is folded from the facts since the first day.",
        "azure-es",
        "New questions will be asked of old data",
    ),
    Rule(
        "contention",
        1,
        Yes("concurrent_writers"),
        "Several actors contend on one thing; each append says which version it decided on, so nobody overwrites.",
        "azure-es",
        "Several actors contend on one thing",
    ),
    Rule(
        "core",
        1,
        Is("subdomain", ("core",)),
        "This is what sets you apart; here the extra modelling has the best chance to pay.",
        "dudycz",
        "This is what sets you apart",
    ),
)

BUSINESS: Final = ("history_is_business_data", "process_rich", "corrections_by_reversal")
"""The reasons that lie in the business itself; audits, reads and rivals can be served without events as the truth."""


def _none_of(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(Not(one) for one in conditions)


AGAINST: Final = (
    Rule(
        "observed",
        -6,
        Yes("observed_not_decided"),
        "Nobody decides on these facts: there is no rule to check, no state to fold, and nothing to refuse.",
        "leftfold",
        "Nobody decides on these facts",
    ),
    Rule(
        "crud",
        -4,
        Yes("crud_verbs"),
        "People only create, change and delete; the events would say no more than the row does.",
        "azure-es",
        "People only create, change and delete",
    ),
    Rule(
        "short_lived",
        -4,
        Yes("short_lived"),
        "It is gone before a history can pay for its design.",
        "azure-es",
        "It is gone before a history can pay for its design",
    ),
    Rule(
        "reference",
        -3,
        Yes("static_reference_data"),
        "Lookup data hardly changes and nobody asks about its changes.",
        "azure-es",
        "Lookup data hardly changes; nobody asks how",
    ),
    Rule(
        "whole_system",
        -3,
        Yes("whole_system"),
        "You ask for a whole system; event-source the parts that gain by it, and decide on each of them.",
        "young",
        "You ask for a whole system, not for a part of it",
    ),
    Rule(
        "audit_only",
        -3,
        All((Yes("provable_audit"), *_none_of(tuple(Yes(key) for key in BUSINESS)))),
        "An audit is the only thing that wants the past; a sealed log or an audit table gives it for less.",
        "dudycz-audit",
        "An audit is the only thing that wants the past",
    ),
    Rule(
        "no_experience",
        -2,
        Is("team_experience", ("none",)),
        "Nobody on the team has done this; the learning curve is one of five challenges that practitioners name.",
        "overeem",
        "Nobody on the team has done this",
    ),
    Rule(
        "ad_hoc_sql",
        -2,
        Yes("ad_hoc_sql_reporting"),
        "People query the tables with SQL of their own; events can't be queried so, and each question needs a view.",
        "azure-es",
        "People query the tables with SQL of their own",
    ),
    Rule(
        "not_core",
        -2,
        Is("subdomain", ("supporting", "generic")),
        "It doesn't set you apart; plain tables, or something bought, are enough for what only supports.",
        "dudycz",
        "It doesn't set you apart",
    ),
    Rule(
        "immediate_reads",
        -1,
        Yes("needs_immediate_reads"),
        "Everyone must see a change at once, but views lag a little; receipts soften it for whoever made the change.",
        "aws-cqrs",
        "Everyone must see a change at once; views lag a little",
    ),
    Rule(
        "bulk_updates",
        -1,
        Yes("bulk_updates"),
        "Thousands of records change by one statement; here that is a command and an event for each.",
        "leftfold",
        "Thousands of records change by one statement",
    ),
    Rule(
        "erasure",
        -1,
        All((Yes("erasure_required"), Not(Yes("crypto_shredding_ok")))),
        "Personal data must be erased and destroying its key doesn't count; it must then stay out of the events.",
        "azure-es",
        "Personal data must go; destroying its key doesn't count",
    ),
    Rule(
        "unstable",
        -1,
        Yes("unstable_model"),
        "What is recorded still changes every month; events are kept for good, with every guess in them.",
        "overeem",
        "What is recorded still changes every month",
    ),
    Rule(
        "small_team",
        -1,
        Not(AtLeast("team_size", 3)),
        "Fewer than three people look after it; each new view, rebuild and old event is more work for them.",
        "leftfold",
        "Fewer than three people look after it",
    ),
)

RULES: Final[tuple[Rule, ...]] = (*FOR, *AGAINST)

OVERRIDES: Final = (
    Override(
        "workflow",
        "workflow",
        Yes("workflow_only"),
        "You want waits, retries and undo steps, not a history; a state machine service does just that.",
        "leftfold",
        "You want waits and retries, not a history",
    ),
    Override(
        "audit_alone",
        "sealed-log",
        All((Yes("provable_audit"), *_none_of(tuple(rule.condition for rule in FOR if rule.id != "audit")))),
        "The proof is all that is wanted: append what happened to a sealed log, and keep the rest as it is.",
        "dudycz-audit",
        "The proof is all that is wanted",
    ),
    Override(
        "flood",
        "stream",
        All((Yes("observed_not_decided"), Product("commands_per_s", "events_per_command", STREAM_EVENTS_S))),
        "Observations at this rate are a stream: collect them in batches, and event-source what is decided on them.",
        "leftfold",
        "Observations at this rate are a stream",
    ),
)

GATES: Final = (
    GateRule(
        "hot_key",
        Beyond("per_stream_writes_s", KEY_WRITES_S),
        f"More than {KEY_WRITES_S} writes a second hit one key; one DynamoDB partition takes 1,000, and every lost race "
        "costs one too.",
        "Split the key (a stream for each warehouse, shelf or hour), reserve in lots, or queue its commands and commit "
        "many at once.",
        "aws-keys",
        "Split the key, or queue what is written to it",
    ),
    GateRule(
        "large_events",
        Beyond("max_event_kb", EVENT_KB),
        f"An event of more than {EVENT_KB} KB doesn't fit: a DynamoDB item holds 400 KB with all that belongs to it, "
        f"and leftfold takes {TAKEN_BYTES:,} bytes an event.",
        "Put the document into S3, and its address and digest into the event.",
        "aws-items",
        "Put documents into S3, their digest into the event",
    ),
    GateRule(
        "refused_events",
        All((Beyond("max_event_kb", TAKEN_BYTES / 1_000), Not(Beyond("max_event_kb", EVENT_KB)))),
        f"leftfold refuses an event of more than {TAKEN_BYTES:,} bytes, on every store.",
        "Put the document into S3, and its address and digest into the event.",
        "leftfold",
        "Put documents into S3, their digest into the event",
        beside=("event-source", "core-only"),
    ),
    GateRule(
        "multi_region",
        Yes("multi_region_writers"),
        "Two regions write the same key; with ordinary global tables the last write wins, so two deciders can both "
        "be told yes.",
        "Give each key a home region and send its commands there; let the other regions only read.",
        "aws-regions",
        "Give each key a home region that decides",
    ),
    GateRule(
        "proof",
        Yes("provable_audit"),
        "A third party wants proof; whoever runs a table or a stream can alter what it holds, an audit table too.",
        "Append what must be proved to a sealed log beside it: a chain of digests, in S3 under Object Lock.",
        "dudycz-audit",
        "Append what must be proved to a sealed log beside it",
        beside=("plain", "outbox", "stream"),
    ),
)

BANDS: Final[tuple[tuple[int, Verdict], ...]] = ((7, "event-source"), (3, "core-only"), (-1, "outbox"))
"""From how many points on a verdict is given; below them all: plain tables."""


def verdict_of(score: int) -> Verdict:
    """What a score means where nothing overrides it."""
    for least, meant in BANDS:
        if score >= least:
            return meant
    return "plain"


def score_of(answers: Answers) -> int:
    """The sum of what holds for certain; a rule that hangs on an unknown answer counts nothing."""
    return sum(rule.weight for rule in RULES if rule.condition.holds(answers) is True)


def supposed(answers: Answers) -> Answers:
    """With one fact a command where nobody knows better: the costs suppose it too, and of an observation it is nearly so."""
    if answers.events_per_command is not None:
        return answers
    return replace(answers, events_per_command=UNANSWERED["events_per_command"])


def override_of(answers: Answers) -> Override | None:
    known = supposed(answers)
    return next((one for one in OVERRIDES if one.condition.holds(known) is True), None)


def gates(answers: Answers, beside: Verdict) -> tuple[Gate, ...]:
    """What must be solved for certain, whatever else this verdict asks for."""
    held = (one for one in GATES if one.condition.holds(answers) is True)
    return tuple(Gate(one.id, one.why, one.do, one.brief) for one in held if not one.beside or beside in one.beside)


def verdict(answers: Answers) -> Verdict:
    """What is known says this."""
    found = override_of(answers)
    return found.verdict if found else verdict_of(score_of(answers))
