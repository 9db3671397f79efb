"""What some answers add to a verdict's blueprint, as data."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from leftfold.fit.advice import Arrow, Service
from leftfold.fit.conditions import All, Any, AtLeast, Beyond, Condition, Is, Not, Yes
from leftfold.fit.judgement import Verdict
from leftfold.fit.rules import GATES, TAKEN_BYTES


class Part(Struct, frozen=True, kw_only=True):
    """What is added for these verdicts where `when` surely holds; `unless` leaves it out where that surely holds."""

    verdicts: tuple[Verdict, ...]
    when: Condition | None = None
    unless: Condition | None = None
    services: tuple[Service, ...] = ()
    tables: tuple[Service, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    steps: tuple[str, ...] = ()
    after: tuple[str, ...] = ()  # steps for when it runs


SOURCED: Final[tuple[Verdict, ...]] = ("event-source", "core-only")
TABLED: Final[tuple[Verdict, ...]] = ("outbox", "plain")

TOLD: Final = AtLeast("downstream_consumers", 1)
AUDITED: Final = Any((Yes("provable_audit"), Is("regulation", ("sox", "hipaa", "sec17a4", "pci"))))
KEPT: Final = Any((AUDITED, Yes("history_is_business_data")))
LOCKED: Final = Is("regulation", ("sec17a4",))
ERASED: Final = Any((Yes("erasure_required"), Is("regulation", ("gdpr",))))
HOT, REGIONS = (next(gate.condition for gate in GATES if gate.id == id) for id in ("hot_key", "multi_region"))
LARGE: Final = Beyond("max_event_kb", TAKEN_BYTES / 1_000)

QUICK: Final = Not(AtLeast("latency_budget_ms", 100))  # a cold start takes longer

BUS: Final = Service("EventBridge", "tells other services; each delivery may come twice, and in any order")

PARTS: Final = (
    Part(
        verdicts=SOURCED,
        when=TOLD,
        services=(Service("Lambda: publisher", "what is public, in order for each stream, at least once"), BUS),
        arrows=(Arrow("Lambda: publisher", "EventBridge", "publish"),),
        steps=(
            "Say which events are public, and in which words. That is `publish` of the App; the others stay inside",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=TOLD,
        unless=Yes("process_rich"),
        arrows=(Arrow("DynamoDB: log", "Lambda: publisher", "stream"),),
    ),
    Part(  # a stream bears two readers: projector and reactor
        verdicts=SOURCED,
        when=All((TOLD, Yes("process_rich"))),
        arrows=(Arrow("DynamoDB: log", "Lambda: publisher", "poll"),),
    ),
    Part(
        verdicts=SOURCED,
        when=Yes("process_rich"),
        services=(Service("Lambda: reactor", "sends the commands that an event calls for, each once in effect"),),
        arrows=(
            Arrow("DynamoDB: log", "Lambda: reactor", "stream"),
            Arrow("Lambda: reactor", "DynamoDB: events", "append"),
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=Any((AUDITED, AtLeast("retention_years", 1), Yes("new_questions_on_old_data"))),
        services=(
            Service("Lambda: archiver", "seals the log into a chain of segments"),
            Service("S3: archive", "the whole log, cheaper with age"),
        ),
        tables=(
            Service("archive (bucket)", "segments, each naming the SHA-256 of the one before; versions, Object Lock"),
        ),
        arrows=(Arrow("DynamoDB: log", "Lambda: archiver", "read"), Arrow("Lambda: archiver", "S3: archive", "put")),
    ),
    Part(
        verdicts=SOURCED,
        when=AUDITED,
        after=(
            "`leftfold archive {name}:app --to s3:BUCKET/archive --verify`: checks it. The whole chain, beside the store",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=LOCKED,
        after=(
            "`leftfold archive {name}:app --to s3:BUCKET/archive --keep-days 2190`: locks it. Object Lock, six years",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=ERASED,
        services=(
            Service("DynamoDB: people", "a table of your own: personal data, by person; events hold only the id"),
        ),
        tables=(
            Service(
                "{name}-people", "p person's id; deleting the item erases the person, also from what the events mean"
            ),
        ),
        arrows=(
            Arrow("Lambda: commands", "DynamoDB: people", "put"),
            Arrow("Lambda: queries", "DynamoDB: people", "get"),
        ),
        steps=(
            "Keep personal data out of the events. A person's id in them, the data in {name}-people, which can forget",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=Yes("needs_immediate_reads"),
        steps=("Hand the receipt of a command to the reader. `after=receipt` waits until the row has it",),
    ),
    Part(
        verdicts=SOURCED,
        when=Yes("ad_hoc_sql_reporting"),
        services=(
            Service("S3: parquet", "every event as a row, for SQL"),
            Service("Athena: questions", "SQL over the files"),
        ),
        tables=(Service("{name}-parquet (bucket)", "a file for each million events, written on a schedule"),),
        arrows=(Arrow("DynamoDB: log", "S3: parquet", "export"), Arrow("Athena: questions", "S3: parquet", "scan")),
        after=("`leftfold export {name}:app --parquet events/`: for SQL. What is newer, as Parquet: for a schedule",),
    ),
    Part(
        verdicts=SOURCED,
        when=HOT,
        steps=(
            "Split the hot key before all else. `thing#0` to `thing#15`, each with its share; one stream is one key",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=REGIONS,
        steps=(
            "Give each key one home region that decides. The other regions send their commands there, and read copies",
        ),
    ),
    Part(
        verdicts=SOURCED,
        when=LARGE,
        services=(Service("S3: objects", "bodies that are too large for an item"),),
        arrows=(Arrow("Lambda: commands", "S3: objects", "bodies"),),
        steps=("Put documents into S3 first, and only their key and hash into the event",),
    ),
    Part(
        verdicts=("outbox",),
        unless=Not(TOLD),
        services=(Service("Lambda: relay", "from the table's stream to the bus: the outbox items alone"), BUS),
        tables=(
            Service(
                "{name} (outbox items)", "p outbox, s id: in the transaction of the change; gone by TTL after a week"
            ),
        ),
        arrows=(
            Arrow("DynamoDB: items", "Lambda: relay", "stream"),
            Arrow("Lambda: relay", "EventBridge", "send"),
        ),
        steps=("Write the change and its outbox item in one transaction. TransactWriteItems: both happen, or neither",),
    ),
    Part(
        verdicts=("outbox",),
        when=All((Not(TOLD), Not(KEPT))),
        steps=("Begin an outbox with the first service that must hear of changes. Until then the table alone will do",),
    ),
    Part(
        verdicts=("outbox",),
        when=KEPT,
        services=(Service("DynamoDB: audit", "who changed what, when, from what to what; append-only"),),
        tables=(Service("{name}-audit", "p id of the thing, s time and id; no role may update or delete"),),
        arrows=(Arrow("Lambda: commands", "DynamoDB: audit", "put"),),
        steps=("Write the audit item in the transaction of the change. It says who, when, before and after",),
    ),
    Part(
        verdicts=TABLED,
        when=Yes("concurrent_writers"),
        steps=(
            "Guard each write by the version that was read. By a ConditionExpression: of two writers one must look again",
        ),
    ),
    Part(
        verdicts=TABLED,
        when=Yes("ad_hoc_sql_reporting"),
        steps=(
            "Take PostgreSQL in place of DynamoDB, for the SQL of your reports. See its price beside the others (plain:rds)",
        ),
    ),
    Part(
        verdicts=(*TABLED, "stream"),
        when=Yes("provable_audit"),
        steps=(
            "Seal what must be proved: a chain of digests in S3 under Object Lock, as the design of sealed-log does",
        ),
    ),
    Part(
        verdicts=("sealed-log",),
        when=LOCKED,
        steps=("Set Object Lock to COMPLIANCE mode for six years. Not even the root user can shorten it",),
    ),
    Part(
        verdicts=("sealed-log",),
        unless=LOCKED,
        steps=(
            "Set Object Lock: GOVERNANCE mode to try it, COMPLIANCE when you are sure. Nobody can shorten COMPLIANCE",
        ),
    ),
    Part(
        verdicts=("event-source", "core-only", "outbox", "plain", "sealed-log", "workflow"),
        when=QUICK,
        steps=(
            "Measure first how long a change takes. The costs count 15 ms in a warm function; a cold start takes some 200",
        ),
    ),
    Part(
        verdicts=("outbox", "plain", "sealed-log", "stream", "workflow"),
        when=ERASED,
        steps=("Keep personal data in items that can be deleted. Backups forget them when they expire",),
    ),
    Part(
        verdicts=("outbox", "plain", "workflow"),
        when=HOT,
        steps=("Split the hot key, `thing#0` to `thing#15`. DynamoDB takes 1,000 write units a second on one",),
    ),
    Part(
        verdicts=("outbox", "plain", "workflow"),
        when=REGIONS,
        steps=(
            "Give each key one home region. With global tables the last writer wins, and the other's change is lost",
        ),
    ),
)
