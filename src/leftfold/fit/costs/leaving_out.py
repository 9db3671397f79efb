"""What the bills leave out: always, and where an answer asks for something that they don't count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from leftfold.fit.answers import Answers
from leftfold.fit.costs import relational
from leftfold.fit.costs.bills import SECONDS_A_MONTH
from leftfold.fit.costs.flow import SNAPSHOT_IDS
from leftfold.fit.costs.tabular import at_peak
from leftfold.fit.costs.workload import Workload
from leftfold.fit.rules import TAKEN_BYTES

TENANT_COMMITS_S: Final = 1000.0  # that one tenant's log takes (docs/explanation/dynamodb.md)

ALWAYS: Final = (
    "engineers' time",  # often more than all of the bill: first, so that it is read
    "data transfer",
    "free tiers, discounts, savings plans",
    "taxes and support",
    "VPC endpoints, NAT gateways, and what pools PostgreSQL's connections",
    "keys of your own and their requests (KMS)",
    "test environments, which cost what is fixed once more",
    "what stands before the API: a domain, a firewall, a user pool",
)


def commits_in_a_stream(load: Workload) -> float:
    """In the end, on average."""
    return load.changes_s * SECONDS_A_MONTH * 12 * load.retention_years / max(1.0, load.streams)


class LeftOut(Struct, frozen=True):
    """One thing that is left out where it matters."""

    what: str
    matters: Callable[[Answers, Workload], bool]


SOMETIMES: Final = (
    LeftOut(
        "that plain tables tell no other service anything: see the outbox",
        lambda _, load: load.consumers > 0,
    ),
    LeftOut(
        "that plain tables overwrite, so nobody can ask them for the past",
        lambda answers, _: answers.history_is_business_data is True,
    ),
    LeftOut(
        "whether leftfold keeps up: a tenant's log takes about 1,000 commits a second",
        lambda _, load: load.commands_s * load.assumed["peak"] > TENANT_COMMITS_S,
    ),
    LeftOut(
        f"streams of over {SNAPSHOT_IDS:,} commands with ids, of which a cold one reads all older commits: cut such streams",
        lambda _, load: commits_in_a_stream(load) > SNAPSHOT_IDS,
    ),
    LeftOut(
        "how data is divided where one PostgreSQL server is not enough, and the I/O of such servers",
        lambda _, load: at_peak(load) > relational.INSTANCES[-1].processors,
    ),
    LeftOut(
        "whether leftfold's processes keep up: each takes its steps one after another",
        lambda _, load: load.commands_s * load.assumed["steps_per_run"] * load.assumed["step_ms"] > 1000,
    ),
    LeftOut(
        "questions about a stream's files (Athena), and rows for whoever looks up by key",
        lambda answers, _: answers.observed_not_decided is True,
    ),
    LeftOut("SQL over the archive or an export (Athena)", lambda answers, _: answers.ad_hoc_sql_reporting is True),
    LeftOut(
        "reactions: the commands that an event calls for, and the reactor that sends them",
        lambda answers, _: answers.process_rich is True,
    ),
    LeftOut("what other services do with what they are told", lambda _, load: load.consumers > 0),
    LeftOut(
        "documents beside the events, each an object in S3",
        lambda answers, _: (answers.max_event_kb or 0) > TAKEN_BYTES / 1_000,
    ),
    LeftOut("writes in other regions, and what goes there", lambda answers, _: answers.multi_region_writers is True),
    LeftOut("rebuilds of views: `leftfold views APP rebuild VIEW --plan`", lambda _, load: load.events_s > 0),
    LeftOut("bulk updates beside the commands a second", lambda answers, _: answers.bulk_updates is True),
    LeftOut(
        "an item or a data key for each person that may be erased", lambda answers, _: answers.erasure_required is True
    ),
    LeftOut(
        "audits, the checks of a whole chain, and an account of its own for the archive",
        lambda answers, _: bool(answers.regulation) or answers.provable_audit is True,
    ),
)


def left_out(answers: Answers, load: Workload) -> tuple[str, ...]:
    """What no bill of this context counts."""
    return (*ALWAYS, *(one.what for one in SOMETIMES if one.matters(answers, load)))
