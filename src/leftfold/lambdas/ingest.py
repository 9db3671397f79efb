"""Ingest by way of Lambda: records of Kinesis, aggregated by the KPL or not, become events.

The delivery itself is taken here, not only woken by: what is not durable when the handler answers is reported, and comes
again from there on. What was taken by then is recognised and not taken twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from leftfold.app import App
from leftfold.codec.aggregation import deaggregate
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Rejected, StoreUnavailable
from leftfold.ingest.declared import EVER, Ingest, Kept, Record, Taken
from leftfold.lambdas.batches import Delivery, miswired, receive
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import KINESIS, Malformed, Reading, kind_of
from leftfold.telemetry import metrics


def ingest(app: App, source: Ingest[Any] | None = None, **options: Unpack[Options]) -> Handler:
    """A handler that takes records of a Kinesis stream by one of the app's ingests; it may be left out if there is one.

    Its event source mapping needs `ReportBatchItemFailures`. A `tenant` function gets the ingest's Record.

    >>> handler = ingest(sensors)
    """
    chosen = _chosen(app, source)
    container = Container(app, "ingest", options)

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            if (kind := kind_of(event)) != "kinesis":
                raise miswired("ingest", kind)
            delivery = receive(call, event, KINESIS)
            desk = Desk(container, call, delivery)
            for tenant, records in desk.by_tenant().items():
                desk.take(chosen, tenant, records)
            return delivery.answer()

    return handle


class Desk:
    """One delivery on its way into the store."""

    def __init__(self, container: Container, call: Call, delivery: Delivery[Reading]) -> None:
        self._container, self._call, self._delivery = container, call, delivery
        self._stopped = False

    def by_tenant(self) -> dict[str | None, list[Record]]:
        """The records in the delivery, those inside aggregated ones too, each with its tenant's."""
        found: dict[str | None, list[Record]] = {}
        for entry in self._delivery.entries:
            if not entry.record.shard:
                self._delivery.set_aside(entry.raw, Malformed("its eventID names no shard"))
                continue
            for record in _records(entry.record):
                tenant = attempt(self._container.tenant, record)
                if not isinstance(tenant, Failed):
                    found.setdefault(tenant, []).append(record)
                elif isinstance(tenant.error, StoreUnavailable):
                    self._again([record], str(tenant))
                    return found  # what is behind it comes again too, and can't overtake it
                else:
                    self._keep(record, f"its tenant: {tenant}")
        return found

    def take(self, source: Ingest[Any], tenant: str | None, records: list[Record]) -> None:
        try:
            session = self._container.opened(tenant)
        except Rejected as error:
            for record in records:
                self._keep(record, f"its tenant: {error}")
        except StoreUnavailable as error:
            self._again(records[:1], str(error))
        else:
            taken = session.ingest(source, aside=self._call.aside).take(records, until=self._late)
            self._tell(taken)
            self._again(taken.again.values(), taken.trouble or "")

    def _late(self) -> bool:
        if self._call.deadline.passed and not self._stopped:
            self._stopped = True
            self._call.telemetry.count(metrics.DEADLINE_STOPS)
        return self._stopped

    def _keep(self, record: Record, reason: str) -> None:
        """Set a record aside that belongs to nobody."""
        aside = self._call.aside
        if aside is None:
            raise ConfigError("nowhere to set records aside: set LEFTFOLD_ASIDE, or pass aside=.")
        try:
            name = aside.put(record.data, reason, source=record.shard, record_id=record.id, at=record.arrived)
        except StoreUnavailable as error:
            self._again([record], str(error))
        else:
            self._call.telemetry.count(metrics.RECORDS_SET_ASIDE)
            self._told([Kept(record.id, "malformed", name)])

    def _again(self, records: Iterable[Record], why: str) -> None:
        for record in records:
            self._call.telemetry.log("warning", "records come again from here", record_id=record.id, reason=why)
            self._delivery.fail(record.sequence)

    def _tell(self, taken: Taken) -> None:
        count = self._call.telemetry.count
        count(metrics.READINGS, taken.taken)
        count(metrics.READINGS_REPEATED, taken.repeated)
        count(metrics.READINGS_LATE, taken.late)
        count(metrics.COMMITS, taken.commits)
        count(metrics.EVENTS_APPENDED, taken.events)
        if taken.late or taken.malformed:
            count(metrics.RECORDS_SET_ASIDE, taken.late + taken.malformed)
        self._told(taken.kept)

    def _told(self, kept: Iterable[Kept]) -> None:
        for one in kept:
            self._call.telemetry.log(
                "warning", "a bad record was set aside", record_id=one.id, kind=one.kind, object=one.object
            )


def _chosen(app: App, source: Ingest[Any] | None) -> Ingest[Any]:
    if source is None and len(app.ingest) != 1:
        raise ConfigError(f"app {app.name!r} has {len(app.ingest)} ingests: say which one, as ingest(app, readings).")
    chosen = app.ingest[0] if source is None else source
    if chosen not in app.ingest:
        raise ConfigError(f"{chosen!r} is no ingest of app {app.name!r}: add it to ingest=[...].")
    return chosen


def _records(reading: Reading) -> list[Record]:
    """What is in one record of Kinesis. A damaged aggregate is one record, which nobody will be able to read."""
    shard = f"{reading.stream.rpartition('/')[2]}/{reading.shard}"
    arrival = reading.at or EVER
    inside = deaggregate(reading.data)
    if inside is None:
        return [Record(shard, reading.sequence, 0, arrival, reading.partition_key, reading.data)]
    return [Record(shard, reading.sequence, sub, arrival, one.key, one.data) for sub, one in enumerate(inside)]
