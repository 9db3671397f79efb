"""What the bills leave out: always, and where an answer asks for something that they don't count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from leftfold.fit.answers import Answers
from leftfold.fit.costs.workload import Workload

TENANT_COMMITS_S: Final = 1000.0  # that one tenant's log takes (docs/explanation/dynamodb.md)

ALWAYS: Final = (
    "your engineers' time, to build it and to run it, which is often more than all of the bill",
    "free tiers, taxes, AWS Support and credits",
    "discounts: volume tiers, reserved capacity, savings plans, contracts of your own",
    "data that leaves AWS or its region, VPC endpoints and NAT gateways",
    "keys of your own and their requests (KMS)",
    "other environments than this one: a test system costs what is fixed once more",
    "traces, a firewall, a domain name, a user pool: what stands before the API",
)


class LeftOut(Struct, frozen=True):
    """One thing that is left out where it matters."""

    what: str
    matters: Callable[[Answers, Workload], bool]


SOMETIMES: Final = (
    LeftOut(
        "what plain tables don't do: they tell none of the services that want to be told, which then ask",
        lambda _, load: load.consumers > 0,
    ),
    LeftOut(
        "what plain tables don't do: they overwrite, so nobody can ask them for the past",
        lambda answers, _: bool(answers.history_is_business_data),
    ),
    LeftOut(
        "events over 300 KB, which leftfold keeps in S3: a PUT for each",
        lambda answers, _: (answers.max_event_kb or 0) > 300,
    ),
    LeftOut(
        "other regions: replicated writes, and what they send each other",
        lambda answers, _: bool(answers.multi_region_writers),
    ),
    LeftOut(
        "questions about a stream's files (Athena bills what it scans), and rows for whoever looks up by key",
        lambda answers, _: answers.observed_not_decided is True,
    ),
    LeftOut(
        "whether it keeps up: over about 1,000 commits a second, leftfold's log of one tenant doesn't",
        lambda _, load: load.commands_s * load.assumed["peak"] > TENANT_COMMITS_S,
    ),
    LeftOut(
        "whether it keeps up: leftfold takes the steps of one process one after another, and these are more",
        lambda _, load: load.commands_s * load.assumed["steps_per_run"] * load.assumed["step_ms"] > 1000,
    ),
    LeftOut("what the other services do with what they are told", lambda _, load: load.consumers > 0),
    LeftOut(
        "SQL over the archive or an export: Athena bills what it scans",
        lambda answers, _: bool(answers.ad_hoc_sql_reporting),
    ),
    LeftOut(
        "rebuilds of views: `leftfold views APP rebuild VIEW --plan` prices one", lambda _, load: load.events_s > 0
    ),
    LeftOut("bulk updates beside the commands a second", lambda answers, _: bool(answers.bulk_updates)),
    LeftOut(
        "data keys for each person, where events are shredded by throwing keys away",
        lambda answers, _: bool(answers.erasure_required),
    ),
    LeftOut("audits, legal holds, accounts of their own for the archive", lambda answers, _: bool(answers.regulation)),
)


def left_out(answers: Answers, load: Workload) -> tuple[str, ...]:
    """What no bill of this context counts."""
    return (*(one.what for one in SOMETIMES if one.matters(answers, load)), *ALWAYS)
