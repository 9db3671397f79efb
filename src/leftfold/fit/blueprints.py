"""What each verdict is on AWS, as data, before the parts that some answers ask for (`blueprint_parts`).

In every text `{name}` is the context's name, as a module may be called, and `{mb_s}` the megabytes written a second.
A step that begins with a command in backticks is a command to copy.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from leftfold.fit.advice import Arrow, Service
from leftfold.fit.judgement import Verdict


class Base(Struct, frozen=True, kw_only=True):
    """A verdict's design before any part. `last` are steps that come after those of the parts."""

    title: str
    services: tuple[Service, ...]
    tables: tuple[Service, ...]
    arrows: tuple[Arrow, ...]
    steps: tuple[str, ...]
    last: tuple[str, ...] = ()


API: Final = Service("API Gateway", "HTTP API, the way in for commands and queries")
SYNTH_API: Final = Service(
    "API Gateway", 'HTTP API, the way in: [api] kind = "http-api" in the settings; else each function has a URL'
)
ASKED: Final = Service("API Gateway", "HTTP API, the way in for queries")
COMMANDS: Final = Service("Lambda: commands", "decides, and writes")
QUERIES: Final = Service("Lambda: queries", "reads, and decides nothing")
WAYS_IN: Final = (Arrow("API Gateway", "Lambda: commands", "POST"), Arrow("API Gateway", "Lambda: queries", "GET"))

FLOW: Final = (
    Service("DynamoDB: events", "each commit, once; its stream wakes the sequencer"),
    Service("Lambda: sequencer", "gives every commit its place in one order"),
    Service("DynamoDB: log", "that order in pages; checkpoints, dead letters"),
    Service("Lambda: projector", "folds the log into rows"),
    Service("DynamoDB: views", "rows as the readers want them; they can always be built again"),
)
TABLES: Final = (
    Service(
        "prod-{name}-events",
        "p tenant|category/key, s first version of the commit: an item is a commit; on demand, PITR",
    ),
    Service(
        "prod-{name}-log",
        "p tenant|log, s first position: pages; with tenant|at checkpoints, with tenant|dead dead letters",
    ),
    Service("prod-{name}-views", "p tenant|row/build, s row key; indexes as items beside it"),
)
FLOWS: Final = (
    Arrow("Lambda: commands", "DynamoDB: events", "append"),
    Arrow("DynamoDB: events", "Lambda: sequencer", "stream"),
    Arrow("Lambda: sequencer", "DynamoDB: log", "pages"),
    Arrow("DynamoDB: log", "Lambda: projector", "stream"),
    Arrow("Lambda: projector", "DynamoDB: views", "rows"),
    Arrow("Lambda: queries", "DynamoDB: views", "read"),
)
DEPLOY: Final = (
    "`leftfold synth {name}:app --out infra`: all of it as CloudFormation. The tables, functions and alarms above",
    "`leftfold deploy {name}:app --bucket BUCKET`: onto AWS. It shows first what would change",
)
ITEMS: Final = Service("DynamoDB: items", "the current state, an item for each thing")
PLAIN_TABLE: Final = Service(
    "{name}", "p id of the thing, version a number that every write checks and raises; on demand, PITR"
)
ONE_FUNCTION: Final = (
    Arrow("API Gateway", "Lambda: commands", "POST"),
    Arrow("Lambda: commands", "DynamoDB: items", "put"),
    Arrow("API Gateway", "Lambda: queries", "GET"),
    Arrow("Lambda: queries", "DynamoDB: items", "get"),
)
SEALED: Final = Service("S3: sealed", "the same records in a chain, under Object Lock: nobody can change them")

BASES: Final[dict[Verdict, Base]] = {
    "event-source": Base(
        title="leftfold on DynamoDB and Lambda, as `leftfold synth` writes it",
        services=(SYNTH_API, COMMANDS, QUERIES, *FLOW),
        tables=TABLES,
        arrows=(*WAYS_IN, *FLOWS),
        steps=(
            "`leftfold init {name}`: a project that runs on SQLite. It has rules, views and tests",
            "Write the past-tense facts and the rules of this context. Nothing in them knows AWS",
        ),
        last=DEPLOY,
    ),
    "core-only": Base(
        title="leftfold for the core, a plain table for the rest",
        services=(
            SYNTH_API,
            COMMANDS,
            QUERIES,
            *FLOW,
            Service("Lambda: the rest", "create, update, delete for what has no life cycle"),
            Service("DynamoDB: items", "the rest, a plain table"),
        ),
        tables=(
            *TABLES,
            Service("{name}", "p id, version a number that every write checks and raises: the plain part"),
        ),
        arrows=(
            *WAYS_IN,
            *FLOWS,
            Arrow("API Gateway", "Lambda: the rest", "PUT"),
            Arrow("Lambda: the rest", "DynamoDB: items", "put"),
            Arrow("Lambda: the rest", "DynamoDB: views", "read"),
        ),
        steps=(
            "Name the core: what has a life cycle, rules, and a history one asks for. All else is a plain table",
            "Let the rest read the core's rows, and never write them. What it wants changed is a command",
            "`leftfold init {name}`: a project for the core. It runs on SQLite",
        ),
        last=DEPLOY,
    ),
    "outbox": Base(
        title="a plain table; what must be told or kept is written with it in one transaction",
        services=(API, COMMANDS, QUERIES, ITEMS),
        tables=(PLAIN_TABLE,),
        arrows=ONE_FUNCTION,
        steps=("You don't need leftfold here: a table and one transaction do it",),
    ),
    "plain": Base(
        title="a plain table on demand",
        services=(API, COMMANDS, QUERIES, ITEMS),
        tables=(PLAIN_TABLE,),
        arrows=ONE_FUNCTION,
        steps=(
            "You don't need leftfold here: keep the current state in a table",
            "Turn on point-in-time recovery. It gives back what was destroyed by mistake within the last 35 days",
        ),
        last=("Ask again when somebody asks how a thing got to where it is. Or when a second reader appears",),
    ),
    "stream": Base(
        title="Kinesis, aggregated records, to files in S3",
        services=(
            Service(
                "Kinesis: readings",
                "provisioned shards for {mb_s} MB/s; the gateways put many readings in one record (the KPL format)",
            ),
            Service("Lambda: writer", "takes records apart, and writes files, a batch at a time"),
            Service("S3: files", "readings by day, into colder classes with age"),
            ASKED,
            QUERIES,
            Service("Athena: questions", "SQL over the files: answers in seconds, not at once"),
        ),
        tables=(
            Service(
                "{name} (stream)", "partition key is the device: its readings stay in order; kept for a day to a week"
            ),
            Service(
                "{name}-readings (bucket)",
                "readings/year/month/day/, Parquet; a life-cycle rule moves it to colder classes",
            ),
        ),
        arrows=(
            Arrow("Kinesis: readings", "Lambda: writer", "batches"),
            Arrow("Lambda: writer", "S3: files", "put"),
            Arrow("API Gateway", "Lambda: queries", "GET"),
            Arrow("Lambda: queries", "Athena: questions", "ask"),
            Arrow("Athena: questions", "S3: files", "scan"),
        ),
        steps=(
            "Keep readings in files: they are observed, and nobody decides them",
            "Aggregate before you send: many readings in one record. Kinesis on demand bills a small record as 1 KB",
            "`leftfold fit init {name}_lifecycle.yaml`: ask again for the devices. What is decided about them (installed, "
            "calibrated, blocked) is a context of its own",
        ),
        last=(
            "Keep each device's newest reading in an item, once a minute. At every reading it would be the dear way again",
        ),
    ),
    "sealed-log": Base(
        title="an append-only table, sealed into S3 under Object Lock",
        services=(
            API,
            COMMANDS,
            QUERIES,
            Service("DynamoDB: records", "append-only: the role may put new items, and neither update nor delete"),
            Service("Lambda: sealer", "chains records by SHA-256 into segments"),
            SEALED,
            Service("Lambda: verifier", "each day: reads the chain, compares it with the table, raises an alarm"),
        ),
        tables=(
            Service(
                "{name}-records", "p subject, s time and id; a put needs attribute_not_exists(p); stream of new images"
            ),
            Service(
                "{name}-sealed (bucket)",
                "seg/first record, each naming the hash of the one before; versions, Object Lock",
            ),
        ),
        arrows=(
            Arrow("API Gateway", "Lambda: commands", "POST"),
            Arrow("API Gateway", "Lambda: queries", "GET"),
            Arrow("Lambda: commands", "DynamoDB: records", "put new"),
            Arrow("Lambda: queries", "DynamoDB: records", "query"),
            Arrow("DynamoDB: records", "Lambda: sealer", "stream"),
            Arrow("Lambda: sealer", "S3: sealed", "put"),
            Arrow("DynamoDB: records", "Lambda: verifier", "query"),
            Arrow("Lambda: verifier", "S3: sealed", "read"),
        ),
        steps=(
            "Keep the business in its tables, and write a record of each access besides. Or of each change",
            "Give no role the right to update or delete records. Let another account own the bucket",
            "Hand the newest hash of the chain to a third party each day. Only then can they check it without you",
        ),
        last=("You don't need leftfold here: a log that nobody folds is not event sourcing",),
    ),
    "workflow": Base(
        title="Step Functions over plain tables",
        services=(
            API,
            Service(
                "Lambda: start", "begins an execution under the business id, so that a second start is the same one"
            ),
            Service("Step Functions: machine", "steps, retries, waits and what undoes each step"),
            Service("Lambda: tasks", "one task a step; each may be called twice"),
            ITEMS,
            Service("Lambda: answers", "gives back the token that a step waits for"),
        ),
        tables=(
            Service(
                "{name}", "p id of the thing, version; the machine passes ids, never the data: its state holds 256 KB"
            ),
        ),
        arrows=(
            Arrow("API Gateway", "Lambda: start", "POST"),
            Arrow("Lambda: start", "Step Functions: machine", "start"),
            Arrow("Step Functions: machine", "Lambda: tasks", "call"),
            Arrow("Lambda: tasks", "DynamoDB: items", "put"),
            Arrow("API Gateway", "Lambda: answers", "answer"),
            Arrow("Lambda: answers", "Step Functions: machine", "token"),
        ),
        steps=(
            "Draw the steps, and beside each the one that undoes it. Write both as a Standard state machine",
            "Let a step that waits for a person hand out a task token. Its time-out undoes what was done",
            "Count transitions before you start: Standard bills each, a retry too. What is done in five minutes and may run "
            "twice goes to Express",
        ),
        last=(
            "You need no event store here. `leftfold workflow` pays only where the context is event-sourced besides",
        ),
    ),
}
