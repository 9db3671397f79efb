"""The sequencer: commits get their positions, in a function that the events table's stream wakes.

What a delivery tells is placed at once. Completeness rests on none of it: now and then each tenant's sequencer reads the
stream itself, and that alone moves the line below which nothing can be missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Unpack

from leftfold.adapters.dynamodb.deliveries import Heard, commit_of
from leftfold.adapters.dynamodb.sequencers import Sequencers
from leftfold.app import App
from leftfold.connect import open_sequencers
from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable
from leftfold.lambdas.batches import Delivery, receive
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import DYNAMODB, Malformed, Trigger, change, kind_of
from leftfold.lambdas.tenancy import Tenancy, check_call
from leftfold.telemetry import metrics

AT_ONCE: Final = 1_000  # records that are placed before the deadline is looked at: a second or two of pages
PULL_EVERY_S: Final = 60.0  # how long what no delivery told of may wait, and how much is remembered meanwhile

Told = Sequence[tuple[str, Heard]]
"""The records that tell of a commit: the record's id, and the commit."""


def sequencer(app: App, **options: Unpack[Options]) -> Handler:
    """A handler that places every tenant's commits in its log. The store is a `dynamodb:` URL.

    Triggers: the stream of the events table, which must show new images; a schedule, or a direct call, that catches up the
    tenants of `{"tenants": [...]}`, or the one that is served.

    >>> handler = sequencer(bank)
    """
    tenancy = Tenancy(options)
    container = _Container(app, "sequencer", options)

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            kind = kind_of(event)
            if kind != "dynamodb":
                check_call("sequencer", kind)
                desk = _Desk(call, container)
                placed = {tenant: desk.catch_up(tenant) for tenant in tenancy.asked(event)}
                return {"placed": placed, "behind": sorted(desk.behind)}
            delivery = receive(call, event, COMMITS, wakes=True)
            heard = [(one.id, one.record) for one in delivery.entries if one.record]
            told = [one for one in heard if tenancy.serves(one[1].tenant)]
            if told:
                desk = _Desk(call, container)
                desk.place(delivery, told)
                desk.pull(dict.fromkeys(one.tenant for _, one in told))
            return delivery.answer()

    return handle


class _Container(Container):
    """Keeps the sequencers, and when each tenant's has last read the stream to its end."""

    _sequencers: Sequencers | None = None
    pulled_at: dict[str, float]
    late: dict[str, int]

    @property
    def sequencers(self) -> Sequencers:
        if self._sequencers is None:
            store = self.store()
            if not isinstance(store, str):
                raise ConfigError("the sequencer opens the tables of all tenants: give it a URL, as dynamodb:bank.")
            self._sequencers = open_sequencers(store)
            self.pulled_at, self.late = {}, {}
        return self._sequencers

    def close(self) -> None:
        super().close()
        if self._sequencers is not None:
            self._sequencers.close()
            self._sequencers = None

    def restored(self) -> None:
        super().restored()
        self._sequencers = None


class _Desk:
    """One call's work."""

    def __init__(self, call: Call, container: _Container) -> None:
        self._call, self._kept = call, container
        self._sequencers = container.sequencers
        self._sequencers.begin_round()
        self.behind: set[str] = set()

    def place(self, delivery: Delivery[Heard | None], told: Told) -> None:
        """Place what was delivered. What can't be placed now comes again, and all behind it."""
        oldest = 0
        for start in range(0, len(told), AT_ONCE):
            some = told[start : start + AT_ONCE]
            left = self._place(some)
            if left is not None:
                delivery.fail(left)
                oldest = min(heard.entry.time for _, heard in told[start:])
                break
        self._call.telemetry.count(metrics.UNPLACED, self._age_ms(oldest) if oldest else 0)

    def _place(self, told: Told) -> str | None:
        """Place these. Returns the id of the first record that couldn't be."""
        by_tenant: dict[str, list[tuple[str, Heard]]] = {}
        for record_id, heard in told:
            by_tenant.setdefault(heard.tenant, []).append((record_id, heard))
        for tenant, some in by_tenant.items():
            if self._call.deadline.passed:  # looked at for each: where a tenant is new here, its log is read first
                return some[0][0]
            entries = [heard.entry for _, heard in some]
            try:
                placed = self._sequencers.of(tenant).take(entries)
            except StoreUnavailable as error:
                self._say("warning", "commits were not placed", tenant, error)
                return some[0][0]
            except IntegrityError as error:
                self._stuck(tenant, error)
                continue
            self._call.telemetry.count(metrics.EVENTS_PLACED, placed)
            if placed == sum(entry.events.count for entry in entries):  # none of them came again
                self._call.telemetry.count(metrics.PLACING, self._age_ms(min(entry.time for entry in entries)))
        return None

    def pull(self, tenants: Iterable[str]) -> None:
        """Let the sequencers of these read the stream, where that is due. Trouble with it costs the delivery nothing."""
        now, since = time.monotonic(), self._kept.pulled_at
        for tenant in tenants:
            if now - since.get(tenant, -PULL_EVERY_S) < PULL_EVERY_S or self._call.deadline.passed:
                continue
            try:
                self.catch_up(tenant)
            except StoreUnavailable as error:
                self._say("warning", "the stream was not read", tenant, error)
            except IntegrityError as error:
                self._stuck(tenant, error)
        ages = [(now - since[tenant]) * 1000 for tenant in tenants if tenant in since]
        if ages:
            self._call.telemetry.count(metrics.PULL_AGE, max(0.0, *ages))

    def catch_up(self, tenant: str) -> int:
        """Read the stream to its end, or as far as the time goes, and place what it shows. Returns how many events."""
        placing, telemetry = self._sequencers.of(tenant), self._call.telemetry
        placed = placing.place(stop=lambda: self._call.deadline.passed)
        if self._call.deadline.passed:
            self.behind.add(tenant)
            telemetry.count(metrics.DEADLINE_STOPS)
        else:
            self._kept.pulled_at[tenant] = time.monotonic()
        before, self._kept.late[tenant] = self._kept.late.get(tenant, 0), placing.late
        telemetry.count(metrics.EVENTS_PLACED, placed)
        telemetry.count(metrics.SHOWN_LATE, max(0, placing.late - before))
        if placing.watermark:
            telemetry.count(metrics.WATERMARK_AGE, self._age_ms(placing.watermark))
        return placed

    def _age_ms(self, at: int) -> float:
        """How long ago that was, in microseconds as commits are stamped."""
        return max(0.0, self._sequencers.clock.now().timestamp() * 1000 - at / 1000)

    def _stuck(self, tenant: str, error: IntegrityError) -> None:
        """No delivery mends a table that lacks a commit: the other tenants' records go on."""
        self._call.telemetry.count(metrics.LOGS_STUCK)
        self._say("error", "a log can't go on", tenant, error)

    def _say(self, level: Any, what: str, tenant: str, error: Exception) -> None:
        self._call.telemetry.log(level, what, tenant=tenant, error=type(error).__name__, reason=str(error))


def _commit(raw: Any) -> Heard | None:
    """A record of the events table's stream: a commit, or something else that stands there."""
    image = change(raw).image
    try:
        return commit_of(image) if image else None
    except IntegrityError as error:
        raise Malformed(str(error)) from None


COMMITS: Final[Trigger[Heard | None]] = Trigger(DYNAMODB.kind, _commit, DYNAMODB.record_id, DYNAMODB.at, ordered=True)
