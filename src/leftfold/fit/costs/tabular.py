"""Tables without event sourcing: plain, with an outbox or an audit table, sealed, and relational. Their lines.

What they don't do stands in `docs/explanation/costs.md`: a plain table tells nobody, and knows no past.
"""

from __future__ import annotations

from collections.abc import Iterator

from leftfold.fit.costs import dynamodb, eventbridge, relational
from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.event_sourced import published
from leftfold.fit.costs.flow import calls
from leftfold.fit.costs.parts import (
    Mode,
    Units,
    a_month,
    archived,
    called,
    kept,
    months_kept,
    months_of,
    objects_s,
    state_bytes,
    watched,
    way_in,
    worked,
)
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB
from leftfold.fit.costs.workload import Workload


def plain(workload: Workload, prices: Prices, month: int, mode: Mode = "on-demand") -> Iterator[Line]:
    """One item a thing, read and then overwritten; an index for each further shape of reads."""
    yield from way_in(workload, prices)
    yield from items(workload, prices, mode)
    yield from watching(workload, prices, functions=2, tables=1)


def items(
    workload: Workload, prices: Prices, mode: Mode = "on-demand", *, in_transaction: bool = False
) -> Iterator[Line]:
    """The table of current states. It grows with the things, not with what happened to them."""
    yield from worked(item_units(workload, in_transaction=in_transaction), workload, prices, mode)
    yield from kept_items(workload, prices)


def item_units(workload: Workload, *, in_transaction: bool = False) -> list[Units]:
    assumed, commands_s = workload.assumed, workload.commands_s
    size = state_bytes(workload)
    entries_s = workload.changes_s * indexes(workload)
    return [
        Units(
            "items",
            writes_s=workload.changes_s * dynamodb.write_units(size, transactional=in_transaction),
            reads_s=commands_s * dynamodb.read_units(size, consistency="strong"),
        ),
        Units("indexes", writes_s=entries_s * dynamodb.write_units(assumed["row_bytes"])),
        Units("queries", reads_s=workload.queries_s * dynamodb.query_units([assumed["query_bytes"]])),
    ]


def kept_items(workload: Workload, prices: Prices) -> Iterator[Line]:
    yield from kept(workload.streams, state_bytes(workload), prices, "items")
    entries = workload.streams * indexes(workload)
    yield from kept(entries, workload.assumed["row_bytes"], prices, "indexes", recovered=False)


def indexes(workload: Workload) -> float:
    """The item's own key serves one shape of reads."""
    return max(0.0, workload.views - 1)


def watching(workload: Workload, prices: Prices, *, functions: float, tables: float) -> Iterator[Line]:
    assumed = workload.assumed
    alarms = functions * assumed["alarms_a_plain_function"] + tables * assumed["alarms_a_plain_table"]
    yield from watched(alarms, 0, prices)


def outbox(workload: Workload, prices: Prices, month: int, *, expiring: bool = False) -> Iterator[Line]:
    """The item and an entry in one transaction. Entries stay as long as history must, as an audit table, or expire."""
    yield from way_in(workload, prices)
    size = entry_bytes(workload)
    entries = Units("entries", writes_s=workload.changes_s * dynamodb.write_units(size, transactional=True))
    yield from worked([*item_units(workload, in_transaction=True), entries], workload, prices, "on-demand")
    yield from kept_items(workload, prices)
    months = min(float(month), months_of(workload.assumed["outbox_days"])) if expiring else months_kept(workload, month)
    yield from kept(a_month(workload.changes_s) * months, size, prices, "entries", recovered=not expiring)
    yield from relayed(workload, prices)
    yield from watching(workload, prices, functions=3 if workload.consumers else 2, tables=2)


def entry_bytes(workload: Workload) -> float:
    """An entry of an outbox, an audit table or a sealed log: what a command led to, and who, when."""
    return max(1.0, workload.events_per_command) * workload.event_bytes + workload.assumed["entry_bytes"]


def relayed(workload: Workload, prices: Prices) -> Iterator[Line]:
    """From the table's stream to the bus, where other services are told."""
    if not workload.consumers or not workload.changes_s:
        return
    yield from by_stream(workload, prices, "relay", published(workload) * workload.assumed["publish_ms"])
    size = workload.event_bytes + workload.assumed["entry_bytes"]
    yield eventbridge.events(a_month(published(workload)), size, prices, "events for other services")


def by_stream(workload: Workload, prices: Prices, what: str, busy_ms: float) -> Iterator[Line]:
    """A function that the entries' stream wakes; `busy_ms` of its work come up in a second."""
    assumed = workload.assumed
    count_s = calls(workload.changes_s, assumed["partitions"], assumed["polls_s"])
    if count_s:
        yield from called(count_s, assumed["wake_ms"] + busy_ms / count_s, workload, prices, what)


def sealed(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """Records that are put and never changed, and the same in S3 under Object Lock."""
    yield from way_in(workload, prices)
    size = entry_bytes(workload)
    records = Units("records", writes_s=workload.changes_s * dynamodb.write_units(size))
    yield from worked([records, *item_units(workload)[1:]], workload, prices, "on-demand")
    history = a_month(workload.changes_s) * months_kept(workload, month)
    yield from kept(history, size, prices, "records")
    entries = history * indexes(workload)
    yield from kept(entries, workload.assumed["row_bytes"], prices, "indexes", recovered=False)
    yield from by_stream(workload, prices, "sealer", workload.events_s * workload.assumed["event_ms"])
    packed_s = workload.changes_s * size * workload.assumed["archive_compression"]
    yield from archived(packed_s, objects_s(packed_s, workload), workload, month, prices, "sealed records")
    yield from watching(workload, prices, functions=4, tables=2)


def rds(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    yield from way_in(workload, prices)
    yield from server(workload, prices, 0.0)
    yield from watching(workload, prices, functions=2, tables=1)


def rds_outbox(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """The row and an entry in one transaction of PostgreSQL; a function takes entries to the bus once a second."""
    yield from way_in(workload, prices)
    entry = entry_bytes(workload) + workload.assumed["row_overhead_bytes"]
    yield from server(workload, prices, a_month(workload.changes_s) * months_kept(workload, month) * entry)
    if published_s := published(workload):
        took = workload.assumed["wake_ms"] + published_s * workload.assumed["publish_ms"]
        yield from called(1.0, took, workload, prices, "relay")
        size = workload.event_bytes + workload.assumed["entry_bytes"]
        yield eventbridge.events(a_month(published_s), size, prices, "events for other services")
    yield from watching(workload, prices, functions=3 if workload.consumers else 2, tables=1)


def server(workload: Workload, prices: Prices, entries_bytes: float) -> Iterator[Line]:
    """PostgreSQL on RDS in two zones, for the peak."""
    size = data_bytes(workload) + entries_bytes
    memory_gb = data_bytes(workload) * workload.assumed["memory_share"] / GB  # nobody asks for old entries
    yield from relational.rds(at_peak(workload), memory_gb, size, prices, "PostgreSQL in two zones", backup_bytes=size)


def aurora(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """Its capacity follows the load: the average is paid, not the peak."""
    yield from way_in(workload, prices)
    size, assumed = data_bytes(workload), workload.assumed
    average = relational.acus(processors(workload) / assumed["utilisation"], size * assumed["memory_share"] / GB)
    ios = a_month(workload.commands_s) * assumed["ios_a_transaction"]
    yield from relational.aurora(average, size, ios, prices, "PostgreSQL, serverless")
    yield from watching(workload, prices, functions=2, tables=1)


def at_peak(workload: Workload) -> float:
    """Processors that the busiest hour needs."""
    return processors(workload) * workload.assumed["peak"] / workload.assumed["utilisation"]


def processors(workload: Workload) -> float:
    """That the average load keeps busy."""
    assumed = workload.assumed
    return (
        workload.commands_s / assumed["transactions_a_processor"] + workload.queries_s / assumed["queries_a_processor"]
    )


def data_bytes(workload: Workload) -> float:
    """Rows of current states, and their indexes."""
    assumed = workload.assumed
    return workload.streams * (state_bytes(workload) + assumed["row_overhead_bytes"] * (1 + indexes(workload)))
