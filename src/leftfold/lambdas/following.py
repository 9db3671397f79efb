"""What projector, reactor and publisher share: woken by a delivery, they follow the log from their own checkpoints.

A delivery says that there is something, never what: only its positions are read. So a wake-up that comes twice, late or
not at all changes nothing but the hour. A record is done when every follower asked for has passed its positions; what isn't
when the time is up is reported, and wakes somebody again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.app import App
from leftfold.codec.aggregation import deaggregate
from leftfold.core.errors import IntegrityError, Rejected
from leftfold.core.streams import check_tenant
from leftfold.lambdas.batches import receive
from leftfold.lambdas.container import TENANTS_KEPT, Call, Container, Handler, Options
from leftfold.lambdas.legs import Leg, cover
from leftfold.lambdas.pulse import Pulse
from leftfold.lambdas.shapes import DYNAMODB, KINESIS, Malformed, Trigger, change, kind_of, reading
from leftfold.lambdas.tenancy import Tenancy, check_call
from leftfold.publish.envelope import read
from leftfold.session import Session


class Wake(Struct, frozen=True):
    """This tenant's log has events up to this position; the log of this app, where somebody published it."""

    tenant: str
    position: int
    app: str = ""


def follows(app: App, handler: str, sources: Callable[[Session], Iterable[str]], options: Options) -> Handler:
    """A handler that moves these of a session's sources: woken by the log's stream, by Kinesis, or called as it is.

    A call that is no delivery catches up: the tenants of `{"tenants": [...]}`, or the one that is served.
    """
    tenancy = Tenancy(options)
    container = Container(app, handler, options)
    pulse = Pulse(container.telemetry)

    def run(call: Call, upto: dict[str, int | None]) -> list[Leg]:
        """Bring every source of these tenants to a position, or to the end of the log as it is now."""
        done: list[Leg] = []
        for some in _parts([*upto.items()], TENANTS_KEPT):  # no session is closed before it has done its part
            legs = [leg for tenant, position in some for leg in begun(call, tenant, position)]
            cover(call, legs)
            for leg in legs:
                pulse.tell(leg.session, leg.name, leg.leader, leg.passed)
            done += legs
        return done

    def begun(call: Call, tenant: str, position: int | None) -> list[Leg]:
        session = container.opened(tenant or None)
        end = session.backend.log.end() if position is None else position
        found = session.sources()
        return [Leg(call, session, name, some, end) for name in sources(session) if (some := found[name]())]

    def known(wake: Wake, ends: dict[str, int]) -> Wake:
        """Of an app of another name, which may have a log of its own, no more is believed than this log holds now."""
        if wake.app in ("", app.name):
            return wake
        if wake.tenant not in ends:
            ends[wake.tenant] = container.opened(wake.tenant or None).backend.log.end()
        return replace(wake, position=min(wake.position, ends[wake.tenant]))

    def handle(event: Any, context: Any) -> Any:
        with container.call(context) as call:
            kind = kind_of(event)
            trigger = TRIGGERS.get(kind)
            if trigger is None:
                check_call(handler, kind)
                return _told(run(call, dict.fromkeys(tenancy.asked(event))))
            delivery = receive(call, event, trigger, wakes=True)
            ends: dict[str, int] = {}
            wakes = [
                (one.id, known(one.record, ends))
                for one in delivery.entries
                if one.record and tenancy.serves(one.record.tenant)
            ]
            upto: dict[str, int | None] = {}
            for _, wake in wakes:
                upto[wake.tenant] = max(wake.position, upto.get(wake.tenant) or 0)
            legs = run(call, upto)
            for record_id, wake in wakes:
                if not _covered(legs, wake):
                    delivery.fail(record_id)
            return delivery.answer()

    return handle


def _parts(items: list[tuple[str, int | None]], size: int) -> Iterator[list[tuple[str, int | None]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _covered(legs: Sequence[Leg], wake: Wake) -> bool:
    return all(leg.reached >= wake.position for leg in legs if leg.session.backend.tenant == wake.tenant)


def _told(legs: Sequence[Leg]) -> dict[str, Any]:
    """The answer to a call that is no delivery: how far each subscriber is, and which are not at the log's end."""
    positions: dict[str, dict[str, int]] = {}
    for leg in legs:
        positions.setdefault(leg.session.backend.tenant, {})[leg.leader.subscriber] = leg.reached
    return {"positions": positions, "behind": sorted(leg.leader.subscriber for leg in legs if not leg.covers)}


def _page(raw: Any) -> Wake | None:
    """A record of the log table's stream: a page, or something else that stands there."""
    from leftfold.adapters.dynamodb.deliveries import page_of  # on another store, nothing of DynamoDB is loaded

    image = change(raw).image
    try:
        found = page_of(image) if image else None
    except IntegrityError as error:
        raise Malformed(str(error)) from None
    return Wake(found.tenant, found.last) if found else None


def _published(raw: Any) -> Wake | None:
    """A Kinesis record that was published from the log, alone or many in one: its last position is what counts."""
    record = reading(raw)
    inner = deaggregate(record.data)
    wakes = [_event(data) for data in ([record.data] if inner is None else [one.data for one in inner])]
    return max(wakes, key=lambda wake: wake.position, default=None)


def _event(data: bytes) -> Wake:
    try:
        event = read(data)
        tenant = event.source.partition("/")[2]
        if tenant:
            check_tenant(tenant)
    except Rejected as error:
        raise Malformed(f"nothing of ours was published in it: {error.field}", str(error)) from None
    if event.position is None:
        raise Malformed("its envelope has no position")
    return Wake(tenant, event.position, event.source.partition("/")[0])


TRIGGERS: Final[dict[str, Trigger[Wake | None]]] = {
    "dynamodb": Trigger(DYNAMODB.kind, _page, DYNAMODB.record_id, DYNAMODB.at, ordered=True),
    "kinesis": Trigger(KINESIS.kind, _published, KINESIS.record_id, KINESIS.at, ordered=True),
}
