"""Deliveries of several records: each is parsed, taken, set aside or reported by itself; none poisons the others.

`receive` sorts a delivery out: what has the right shape is in `entries`, what has not is logged, counted and set aside.
`each` takes one after the other until the time is up. `answer` is the partial batch response: what comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, LeftfoldError, StoreUnavailable
from leftfold.lambdas.container import Call
from leftfold.lambdas.shapes import Kind, Malformed, Trigger, records_of
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import where, words

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
        self._held: set[str] = set()  # lanes with a failure: what is behind it there waits

    def fail(self, record_id: str, raw: Any = None) -> None:
        """This record was not taken: it comes again; in an ordered source, all behind it too.

        Raises StoreUnavailable for a record without an id: then the whole batch must come again.
        """
        if not record_id:
            raise StoreUnavailable("a record without an id can't be reported: the whole batch must come again.")
        self._failed[record_id] = None
        if raw is not None and (lane := self._trigger.lane(raw)):
            self._held.add(lane)

    def each(self, take: Callable[[T], object]) -> None:
        """Take one record after the other, until the time is up. One whose take raises comes again, but for Malformed.

        In an ordered source nothing behind a failure is taken, in a lane nothing of that lane.
        """
        for number, entry in enumerate(self.entries):
            if self._call.deadline.passed:
                self.stop(self.entries[number:])
                return
            if self._trigger.ordered and self._failed:
                return  # it comes again from the first failure on
            if self._trigger.lane(entry.raw) in self._held:
                self.fail(entry.id)
            else:
                self._take(entry, take)

    def _take(self, entry: Entry[T], take: Callable[[T], object]) -> None:
        said = attempt(take, entry.record)
        if not isinstance(said, Failed):
            return
        if isinstance(said.error, Malformed):
            self.set_aside(entry.raw, said.error)
            return
        self._call.telemetry.log(
            "error",
            "a record comes again",
            record_id=entry.id,
            kind=self._trigger.kind,
            error=type(said.error).__name__,
            where=where(said.error),
            reason=words(said.error),
        )
        self.fail(entry.id, entry.raw)

    def stop(self, rest: list[Entry[T]]) -> None:
        """Time is up: the rest comes again."""
        self._call.telemetry.count(metrics.DEADLINE_STOPS)
        self._call.telemetry.log("warning", "time is up", kind=self._trigger.kind, left=len(rest))
        for entry in rest:
            self.fail(entry.id)

    def set_aside(self, raw: Any, why: Malformed, *, wakes: bool = False) -> None:
        """Keep a record that can't be taken, with the reason. When it can't be kept now, it comes again.

        With `wakes`, the record is a wake-up that carries nothing: where no place is configured, it is let go.
        """
        trigger, telemetry = self._trigger, self._call.telemetry
        record_id, at = trigger.record_id(raw), trigger.at(raw)
        try:
            aside = self._call.aside
            if aside is None and not wakes:
                raise ConfigError("nowhere to set records aside: set LEFTFOLD_ASIDE, or pass aside=.")
            kept = aside.put(raw, why.detail, source=trigger.kind, record_id=record_id, at=at) if aside else None
        except LeftfoldError as error:
            kind = type(error).__name__
            telemetry.log(
                "error", "a bad record can't be set aside", record_id=record_id, error=kind, reason=words(error)
            )
            self.fail(record_id, raw)
            return
        telemetry.count(metrics.RECORDS_SET_ASIDE if kept else metrics.RECORDS_DROPPED)
        telemetry.log(
            "warning",
            "a bad record was set aside" if kept else "a bad wake-up was dropped",
            record_id=record_id,
            kind=trigger.kind,
            reason=why.reason,
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
            delivery.set_aside(raw, error, wakes=wakes)
    return delivery


def miswired(handler: str, kind: Kind) -> ConfigError:
    """An event that this handler is not for: somebody connected it to the wrong source, and must hear of it."""
    return ConfigError(f"{handler} can't take events of kind {kind!r}: connect another handler to this source.")
