"""Deliveries of several records: each is parsed, taken, set aside or reported by itself; none poisons the others.

`receive` sorts a delivery out: what has the right shape is in `entries`, what has not is logged, counted and set aside.
`each` takes one after the other until the time is up. `answer` is the partial batch response: what comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from leftfold.core.errors import ConfigError, LeftfoldError, StoreUnavailable
from leftfold.lambdas.container import Call
from leftfold.lambdas.shapes import Malformed, Trigger, records_of
from leftfold.telemetry import metrics

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Entry(Struct, Generic[T_co], frozen=True):
    """One record of the right shape. `id` is what the service knows it by, `raw` how it came."""

    id: str
    record: T_co
    raw: Any


class Delivery(Generic[T]):
    """One batch, in the order of its records."""

    def __init__(self, call: Call, trigger: Trigger[T], records: list[Any]) -> None:
        self._call, self._trigger = call, trigger
        self.entries: list[Entry[T]] = []
        self._order = [trigger.record_id(record) for record in records]
        self._failed: dict[str, None] = {}

    def fail(self, record_id: str) -> None:
        """This record was not taken: it comes again; in an ordered source, all behind it too.

        Raises StoreUnavailable for a record without an id: then the whole batch must come again.
        """
        if not record_id:
            raise StoreUnavailable("a record without an id can't be reported: the whole batch must come again.")
        self._failed[record_id] = None

    def each(self, take: Callable[[T], None], *, passing: tuple[type[Exception], ...] = (LeftfoldError,)) -> None:
        """Take one record after the other, until the time is up. What raises one of `passing` comes again.

        Malformed, by `take`, sets the record aside. In an ordered source nothing behind a failure is taken.
        """
        for number, entry in enumerate(self.entries):
            if self._call.deadline.passed:
                self.stop(self.entries[number:])
                return
            if self._trigger.ordered and self._failed:
                return  # it comes again from the first failure on
            try:
                take(entry.record)
            except Malformed as error:
                self.set_aside(entry.raw, error.reason)
            except passing as error:
                self._call.telemetry.log(
                    "warning", "a record comes again", record_id=entry.id, kind=self._trigger.kind, error=_name(error)
                )
                self.fail(entry.id)

    def stop(self, rest: list[Entry[T]]) -> None:
        """Time is up: the rest comes again."""
        self._call.telemetry.count(metrics.DEADLINE_STOPS)
        self._call.telemetry.log("warning", "time is up", kind=self._trigger.kind, left=len(rest))
        for entry in rest:
            self.fail(entry.id)

    def set_aside(self, raw: Any, reason: str, *, wakes: bool = False) -> None:
        """Keep a record that can't be taken, with the reason. When it can't be kept now, it comes again.

        With `wakes`, the record is a wake-up that carries nothing: where no place is configured, it is let go.
        """
        trigger, telemetry = self._trigger, self._call.telemetry
        record_id, at = trigger.record_id(raw), trigger.at(raw)
        try:
            aside = self._call.aside
            if aside is None and not wakes:
                raise ConfigError("nowhere to set records aside: set LEFTFOLD_ASIDE, or pass aside=.")
            kept = aside.put(raw, reason, source=trigger.kind, record_id=record_id, at=at) if aside else None
        except LeftfoldError as error:
            telemetry.log("error", "a bad record can't be set aside", record_id=record_id, error=_name(error))
            self.fail(record_id)
            return
        telemetry.count(metrics.RECORDS_SET_ASIDE if kept else metrics.RECORDS_DROPPED)
        telemetry.log(
            "warning",
            "a bad record was set aside" if kept else "a bad wake-up was dropped",
            record_id=record_id,
            kind=trigger.kind,
            reason=reason,
            object=kept or "",
        )

    def answer(self) -> dict[str, Any]:
        """The partial batch response. Of an ordered source, the first failure alone: the service sends all from there."""
        failed = [one for one in dict.fromkeys(self._order) if one in self._failed]
        if self._trigger.ordered:
            failed = failed[:1]
        if failed:
            self._call.telemetry.count(metrics.RECORDS_FAILED, len(failed))
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def receive(call: Call, event: Any, trigger: Trigger[T], *, wakes: bool = False) -> Delivery[T]:
    """Sort a delivery out by its trigger's shape. With `wakes`, its records carry nothing that is not in the log too."""
    records = records_of(event)
    delivery = Delivery(call, trigger, records)
    call.telemetry.count(metrics.RECORDS, len(records))
    for raw in records:
        try:
            delivery.entries.append(Entry(trigger.record_id(raw), trigger.parse(raw), raw))
        except Malformed as error:
            delivery.set_aside(raw, error.reason, wakes=wakes)
    return delivery


def _name(error: Exception) -> str:
    return type(error).__name__
