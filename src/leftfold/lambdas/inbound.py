"""Events of other services become commands: from EventBridge directly, by way of SQS, or from a Kinesis stream.

An anti-corruption map turns each into commands of our own words. Their ids derive from the event's, so a delivery that
comes again appends nothing. A delivery is called again only when the store could not answer: all else is final.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Unpack, cast

import msgspec
from msgspec import Raw

from leftfold.app import App
from leftfold.category import AnyCategory, BoundaryCategory, Notes
from leftfold.codec.decoders import decoder_of
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.annotations import parameter, unwrap
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Outcome
from leftfold.core.errors import BadKey, ConfigError, Contention, IntegrityError, Rejected, StoreUnavailable
from leftfold.core.processes import Send
from leftfold.core.streams import COMMAND_ID_BYTES, check_key
from leftfold.handling.decide import ACTOR_BYTES
from leftfold.inbox.incoming import Incoming, fetch, incoming, messages, unique_id
from leftfold.lambdas.batches import miswired, receive
from leftfold.lambdas.container import Call, Container, Handler, Options, objects
from leftfold.lambdas.shapes import EVENTBRIDGE, KINESIS, SQS, Kind, Malformed, Trigger, fact, kind_of, message, reading
from leftfold.ports.objects import Objects
from leftfold.publish.envelope import read
from leftfold.session import Session
from leftfold.telemetry import metrics
from leftfold.telemetry.traces import traceparent

MapTo = Callable[[Any], Send | Sequence[Send] | None]
"""`credit(event: Incoming[PublicDeposited]) -> Send | list[Send] | None`, or of the data alone. Pure: it is asked again."""

Accept = Mapping[str | tuple[str, str], MapTo]
"""Maps by the event's type; or by (source, type), where two senders mean different things by one word."""


class Accepted:
    """One map, made ready."""

    def __init__(self, to: MapTo) -> None:
        self._to = to
        annotation, self._whole = unwrap(parameter(to, 0), Incoming)
        if annotation is Incoming:
            annotation, self._whole = Any, True
        try:
            self._read = decoder_of(annotation).decode
        except TypeError as error:
            raise ConfigError(f"accept: {annotation!r} can't be read from JSON: {error}") from error

    def sends(self, event: Incoming[bytes]) -> list[Send]:
        """The commands that the event calls for. Raises Malformed for data of another shape, and what the map raises."""
        try:
            data = self._read(event.data)
        except UNREADABLE as error:
            raise Malformed("its data does not fit", f"{type(error).__name__}: {error}") from None
        made = self._to(msgspec.structs.replace(event, data=data) if self._whole else data)
        if made is None:
            return []
        return [made] if isinstance(made, Send) else list(made)


def inbound(
    app: App,
    *,
    accept: Accept,
    unknown: Literal["ignore", "aside"] = "ignore",
    claims: str | Objects | None = None,
    **options: Unpack[Options],
) -> Handler:
    """A handler of other services' events: each becomes the commands that `accept` makes of it.

    Events of types that `accept` doesn't name are counted, and ignored or set aside. `claims` is where a leftfold sender
    puts data that is too large for an envelope (its `objects=`). A `tenant` function gets the Incoming, its data unread.
    Order is not kept: where it matters, use an Inbox (leftfold.inbox).
    """
    container = Container(app, "inbound", options)
    inbound = Inbound({name: Accepted(to) for name, to in accept.items()}, unknown, claims)

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            kind = kind_of(event)
            if kind in MISWIRED:
                raise miswired("inbound", kind)
            batch = BATCHES.get(kind)
            delivery = receive(call, event, batch or EVENT)
            delivery.each(lambda events: inbound.take(call, events))
            answer = delivery.answer()
            if batch is None and answer["batchItemFailures"]:
                raise StoreUnavailable("the event was not taken: Lambda calls again.")  # there is no partial answer
            return answer if batch else None

    return handle


class Inbound:
    """What becomes of events."""

    def __init__(
        self,
        accepted: Mapping[str | tuple[str, str], Accepted],
        unknown: Literal["ignore", "aside"],
        claims: str | Objects | None,
    ) -> None:
        self._accepted, self._unknown, self._claims = accepted, unknown, claims

    def take(self, call: Call, events: Sequence[Incoming[bytes] | Malformed]) -> None:
        """The events of one record, each by itself. Raises what has the record come again, Malformed to set it aside."""
        bad: Malformed | None = None
        for event in events:
            try:
                if isinstance(event, Malformed):
                    raise event
                self._take(call, event)
            except Malformed as error:
                bad = error
        if bad is not None:
            raise bad

    def _take(self, call: Call, event: Incoming[bytes]) -> None:
        accepted = self._accepted.get((event.source, event.type)) or self._accepted.get(event.type)
        if accepted is None:
            call.telemetry.count(metrics.INBOUND_IGNORED)
            if self._unknown == "aside":
                raise Malformed("its type is unknown", f"unknown type {event.type!r} of {event.source!r}")
            return
        sends = attempt(accepted.sends, self._with_data(event))
        if isinstance(sends, Failed):
            raise _final(sends, "its map failed")
        for index, one in enumerate(sends):
            self._send(call, event, one, unique_id(event.source, event.id, str(index)))
        call.telemetry.count(metrics.INBOUND_TAKEN)

    def _with_data(self, event: Incoming[bytes]) -> Incoming[bytes]:
        if event.dataref is None:
            return event
        if self._claims is None:
            raise Malformed("its data is elsewhere", f"its data is at {event.dataref}: pass claims=")
        self._claims = objects(self._claims)
        try:
            return msgspec.structs.replace(event, data=fetch(self._claims, event.dataref))
        except IntegrityError as error:
            raise Malformed("its data is not where it says", str(error)) from None

    def _send(self, call: Call, event: Incoming[bytes], one: Send, command_id: str) -> None:
        notes = _notes(call, event, command_id)
        try:
            session = call.session(event)
        except Rejected as error:
            raise Malformed(f"rejected: {error.field}", str(error)) from None
        done = attempt(_handle, session, one, notes)
        if not isinstance(done, Failed):
            call.telemetry.count(
                metrics.INBOUND_REPEATED if done.repeated else metrics.EVENTS_APPENDED, len(done.events)
            )
            return
        refusals: Sequence[type[Exception]] = getattr(one.to, "refusals", ())
        if not isinstance(done.error, tuple(refusals)):
            raise _final(done, f"{type(one.command).__name__} failed")
        call.telemetry.count(metrics.COMMANDS_REFUSED)
        call.telemetry.log(
            "info",
            "a command was refused",
            record_id=event.id,
            source=event.source,
            category=one.to.category,
            command=type(one.command).__name__,
            command_id=command_id,
            correlation_id=notes.get("correlation_id") or "",
            error=type(done.error).__name__,
        )
        if call.aside is not None:
            kept = msgspec.structs.replace(event, data=Raw(event.data))
            why = f"refused: {type(one.command).__name__}: {done}"
            call.aside.put(kept, why, source=event.source, record_id=command_id, at=event.at)


def _handle(session: Session, one: Send, notes: Notes) -> Outcome[Any, Any]:
    category = cast("AnyCategory", session.category(one.to))
    if isinstance(category, BoundaryCategory):
        return category.handle(one.command, **notes)
    if one.key is None:
        raise ConfigError(f"send({one.to.category}, key, command): a decider without a boundary needs a key.")
    return category.handle(one.key, one.command, **notes)


def _notes(call: Call, event: Incoming[bytes], command_id: str) -> Notes:
    """What is kept with the events. What a stranger's event says and no store can hold is left out."""
    trace = traceparent(event.traceparent)
    if event.traceparent is not None and trace is None:
        call.telemetry.count(metrics.TRACES_DROPPED)
    cause = unique_id(event.source, event.id)
    return Notes(
        command_id=command_id,
        correlation_id=_fits(event.correlation_id, COMMAND_ID_BYTES) or cause,
        causation_id=cause,
        actor=_fits(f"inbound:{event.source}", ACTOR_BYTES),
        traceparent=trace,
    )


def _fits(text: str | None, limit: int) -> str | None:
    try:
        check_key(text or "", limit=limit)
    except BadKey:
        return None
    return text


def _final(failed: Failed, reason: str) -> Exception:
    """The store's trouble as it is: the record comes again. All else would fail again: it is set aside."""
    if isinstance(failed.error, StoreUnavailable | Contention | Malformed):
        return failed.error
    return Malformed(f"{reason}: {type(failed.error).__name__}", f"{reason}: {failed}")


def _event(raw: Any) -> list[Incoming[bytes] | Malformed]:
    """An event of EventBridge: a leftfold sender's envelope, or anybody's."""
    found = fact(raw)
    detail = found.detail
    if isinstance(detail, dict) and cast("dict[str, Any]", detail).get("specversion") == "1.0":
        return [_envelope(cast("dict[str, Any]", detail))]
    if not found.id or not found.source or not found.detail_type:
        raise Malformed("it has no id, source or detail-type")
    try:
        data = msgspec.json.encode(detail)
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("its detail is no JSON", f"{type(error).__name__}: {error}") from None
    return [Incoming(data=data, type=found.detail_type, id=found.id, source=found.source, at=found.at)]


def _queued(raw: Any) -> list[Incoming[bytes] | Malformed]:
    """An SQS message: an event of EventBridge, or an envelope."""
    try:
        body = msgspec.json.decode(message(raw).body.encode("utf-8", "surrogatepass"))
    except (*UNREADABLE, UnicodeError) as error:
        raise Malformed("it is no JSON", f"{type(error).__name__}: {error}") from None
    return _event(body) if isinstance(body, dict) and "detail-type" in body else [_envelope(body)]


def _published(raw: Any) -> list[Incoming[bytes] | Malformed]:
    """A Kinesis record: an envelope, or several that were packed into one."""
    found: list[Incoming[bytes] | Malformed] = []
    for data in messages(reading(raw).data):
        try:
            found.append(_envelope(data))
        except Malformed as error:
            found.append(error)
    return found


def _envelope(envelope: Any) -> Incoming[bytes]:
    try:
        event = read(envelope)
    except Rejected as error:
        raise Malformed(f"it is no published event: {error.field}", str(error)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("it is no published event", f"{type(error).__name__}: {error}") from None
    return incoming(event, event.data)


MISWIRED: Final[frozenset[Kind]] = frozenset(("http", "dynamodb", "other"))
EVENT: Final = Trigger(EVENTBRIDGE.kind, _event, EVENTBRIDGE.record_id, EVENTBRIDGE.at)
BATCHES: Final[dict[Kind, Trigger[list[Incoming[bytes] | Malformed]]]] = {
    "sqs": Trigger(SQS.kind, _queued, SQS.record_id, SQS.at, lane=SQS.lane),
    "kinesis": Trigger(KINESIS.kind, _published, KINESIS.record_id, KINESIS.at, ordered=True),
}
