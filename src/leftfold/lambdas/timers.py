"""Timers by way of Lambda: rings from a queue or a schedule, and a sweep that heals those that were lost.

A ring only says where to look: one that comes early is set again, one that comes twice or late does no harm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Unpack

import msgspec

from leftfold.app import App
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Rejected, StoreUnavailable
from leftfold.core.runs import Timer
from leftfold.core.streams import check_tenant, parse_stream
from leftfold.lambdas.batches import miswired, receive
from leftfold.lambdas.container import Call, Container, Handler, Options
from leftfold.lambdas.shapes import SQS, Malformed, Trigger, kind_of, message, told
from leftfold.lambdas.tenancy import Tenancy
from leftfold.ports.alarms import Alarm
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import where, words
from leftfold.timers.firing import Heard, OnFired, Timers

_read = msgspec.json.Decoder(Alarm).decode


def timers(app: App, **options: Unpack[Options]) -> Handler:
    """A handler for the timers of the app's processes and workflows.

    Triggers: the SQS queue of `LEFTFOLD_ALARMS`, schedules that were set for one timer, and a schedule every few minutes,
    whose payload may be `{"tenants": [...]}`: it fires what is due by the rows, and tells how many runs are stuck. Stops
    before the deadline. A ring that can't be read is set aside.
    """
    container = Container(app, "timers", options)
    clockwork = _Clockwork(container, Tenancy(options))

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            kind = kind_of(event)
            if kind == "sqs":
                delivery = receive(call, event, RINGS)
                delivery.each(lambda alarm: clockwork.ring(call, alarm))
                return delivery.answer()
            if kind not in ("schedule", "direct"):
                raise miswired("timers", kind)
            if not isinstance(event, dict) or "stream" not in event:
                return clockwork.sweep(call, event)
            for entry in receive(call, event, RING).entries:
                return {"heard": clockwork.ring(call, entry.record)}
            return {"heard": "set aside"}

    return handle


class _Clockwork:
    """What a container does with rings and sweeps."""

    def __init__(self, container: Container, tenancy: Tenancy) -> None:
        self._container, self._tenancy = container, tenancy
        self._first = ""  # the tenant that the last sweep had no time for

    def ring(self, call: Call, alarm: Alarm) -> Heard:
        """Fire one timer. Raises StoreUnavailable for a ring that came early and could not be set again."""
        if not self._tenancy.serves(alarm.tenant):
            return "gone"
        timers = self._timers(alarm.tenant)
        heard = timers.ring(alarm.stream, alarm.timer, alarm.at, _tell(call))
        if heard == "early":
            call.telemetry.count(metrics.RINGS_EARLY)
            if not timers.set_alarms(alarm.stream, [Timer(alarm.timer, alarm.at)]):
                raise StoreUnavailable(f"timer {alarm.timer!r} of {alarm.stream} is not due before {alarm.at}.")
        elif heard != "fired":
            call.telemetry.count(metrics.RINGS_UNHEARD)
        return heard

    def sweep(self, call: Call, event: Any) -> dict[str, Any]:
        """Fire what is due by the rows, tenant by tenant: one that can't be swept holds up no other."""
        tenants = self._tenancy.asked(event)
        start = tenants.index(self._first) if self._first in tenants else 0
        fired: dict[str, int] = {}
        left = [*tenants[start:], *tenants[:start]]
        while left and not call.deadline.passed:
            done = attempt(self._swept, call, left[0])
            if isinstance(done, Failed):
                _warn(call, left[0], done.error)
            else:
                fired[left[0]] = done
            left.pop(0)
        self._first = left[0] if left else ""
        if left:
            call.telemetry.count(metrics.DEADLINE_STOPS)
        return {"fired": fired, "left": left}

    def _swept(self, call: Call, tenant: str) -> int:
        moving: set[str] = set()
        tell = _tell(call)

        def fired(stream: str, timer: str, late: timedelta) -> None:
            moving.add(stream)
            tell(stream, timer, late)

        look = self._timers(tenant).fire(lambda: not call.deadline.passed, fired)
        if look.trouble is not None:
            _warn(call, tenant, look.trouble)
        pulse = self._container.opened(tenant or None).operations.runs.pulse(frozenset(moving))
        call.telemetry.count(metrics.RUNS_OPEN, pulse.open)
        call.telemetry.count(metrics.RUNS_STUCK, pulse.stuck)
        return look.fired

    def _timers(self, tenant: str) -> Timers:
        found = self._container.opened(tenant or None).timers
        if found is None:
            raise ConfigError("this app has neither processes nor workflows: nothing in it waits for a time.")
        return found


def _tell(call: Call) -> OnFired:
    def fired(stream: str, timer: str, late: timedelta) -> None:
        call.telemetry.count(metrics.TIMERS_FIRED)
        call.telemetry.count(metrics.TIMER_LATE_MS, late / timedelta(milliseconds=1))

    return fired


def _warn(call: Call, tenant: str, error: Exception) -> None:
    call.telemetry.log(
        "error", "a sweep stopped", tenant=tenant, error=type(error).__name__, where=where(error), reason=words(error)
    )


def _alarm(raw: Any) -> Alarm:
    """The payload of a schedule that was set for one timer."""
    try:
        return _checked(msgspec.convert(raw, Alarm))
    except (msgspec.ValidationError, UnicodeError) as error:
        raise Malformed(told(error)) from None


def _ring(raw: Any) -> Alarm:
    """A message of the queue."""
    try:
        return _checked(_read(message(raw).body))
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Malformed(told(error)) from None


def _checked(alarm: Alarm) -> Alarm:
    """Refuse names that nothing of ours can have, and a time without a zone."""
    try:
        parse_stream(alarm.stream)
        if alarm.tenant:
            check_tenant(alarm.tenant)
    except Rejected as error:
        raise Malformed(f"no run of ours: {error.field}", str(error)) from None
    if alarm.at.tzinfo is None:
        raise Malformed("its time has no zone")
    return alarm


RINGS: Final = Trigger("sqs", _ring, SQS.record_id, SQS.at)
RING: Final[Trigger[Alarm]] = Trigger("direct", _alarm, lambda raw: "", lambda raw: None)
