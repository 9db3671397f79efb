"""Sample domain of processes: an order, its payment and its parcel, brought together by one that remembers and waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal, assert_never

from msgspec import Struct

from leftfold.app import App
from leftfold.core.events import Recorded
from leftfold.core.processes import Done, Due, Process, Refused, Schedule, Send, send

LIMIT_CENTS: Final = 100  # a card pays no more, unless its limit is raised
OVERDUE: Final = timedelta(minutes=1)  # an invoice is reminded of once, then its order is cancelled
LATE: Final = timedelta(minutes=2)


class Declined(Exception):
    """The payment, the order or the shelf says no."""


class Place(Struct, frozen=True):
    cents: int
    by: Literal["card", "invoice"] = "card"


class Confirm(Struct, frozen=True):
    pass


class Cancel(Struct, frozen=True):
    why: str


class Placed(Struct, frozen=True):
    cents: int
    by: Literal["card", "invoice"]


class Confirmed(Struct, frozen=True):
    pass


class Cancelled(Struct, frozen=True):
    why: str


class Order(Struct, frozen=True):
    status: Literal["new", "placed", "confirmed", "cancelled"] = "new"


class Orders:
    """`order/KEY`: placed, then confirmed or cancelled."""

    category = "order"
    initial = Order()
    refusals = (Declined,)

    def decide(self, command: Place | Confirm | Cancel, order: Order) -> Sequence[Placed | Confirmed | Cancelled]:
        if order.status != ("new" if isinstance(command, Place) else "placed"):
            raise Declined(f"it is {order.status}")
        match command:
            case Place(cents, by):
                return [Placed(cents, by)]
            case Confirm():
                return [Confirmed()]
            case Cancel(why):
                return [Cancelled(why)]

    def evolve(self, order: Order, event: Placed | Confirmed | Cancelled) -> Order:
        match event:
            case Placed():
                return Order("placed")
            case Confirmed():
                return Order("confirmed")
            case Cancelled():
                return Order("cancelled")


class Charge(Struct, frozen=True):
    cents: int


class Remind(Struct, frozen=True):
    pass


class Raise(Struct, frozen=True):
    cents: int


class Charged(Struct, frozen=True):
    cents: int


class Reminded(Struct, frozen=True):
    pass


class Raised(Struct, frozen=True):
    cents: int


class Paying(Struct, frozen=True):
    charged: int = 0
    reminders: int = 0
    limit: int = LIMIT_CENTS


class Payments:
    """`payment/ORDER`: charged at most once, reminded of as often as somebody asks."""

    category = "payment"
    initial = Paying()
    refusals = (Declined,)

    def decide(self, command: Charge | Remind | Raise, state: Paying) -> Sequence[Charged | Reminded | Raised]:
        match command:
            case Charge(cents) if cents > state.limit or state.charged:
                raise Declined(f"{cents} cents are too much")
            case Charge(cents):
                return [Charged(cents)]
            case Remind():
                return [Reminded()]
            case Raise(cents):
                return [Raised(cents)]
            case _:
                assert_never(command)

    def evolve(self, state: Paying, event: Charged | Reminded | Raised) -> Paying:
        match event:
            case Charged(cents):
                return Paying(state.charged + cents, state.reminders, state.limit)
            case Reminded():
                return Paying(state.charged, state.reminders + 1, state.limit)
            case Raised(cents):
                return Paying(state.charged, state.reminders, cents)


class Pack(Struct, frozen=True):
    order: str


class Unpack(Struct, frozen=True):
    order: str


class Scan(Struct, frozen=True):
    order: str


class Packed(Struct, frozen=True):
    order: str


class Unpacked(Struct, frozen=True):
    order: str


class Scanned(Struct, frozen=True):
    order: str


class Shelf:
    """`shelf/KEY`: the parcels of many orders, in one stream. A scanner tells all that it sees, and tells it twice."""

    category = "shelf"
    initial: frozenset[str] = frozenset()
    refusals = (Declined,)

    def decide(self, command: Pack | Unpack | Scan, packed: frozenset[str]) -> Sequence[Packed | Unpacked | Scanned]:
        match command:
            case Pack(order):
                if order in packed:
                    raise Declined(f"{order} is packed")
                return [Packed(order)]
            case Unpack(order):
                if order not in packed:
                    raise Declined(f"{order} is not packed")
                return [Unpacked(order)]
            case Scan(order):
                return [Scanned(order)]

    def evolve(self, packed: frozenset[str], event: Packed | Unpacked | Scanned) -> frozenset[str]:
        match event:
            case Packed(order):
                return packed | {order}
            case Unpacked(order):
                return packed - {order}
            case Scanned():
                return packed


orders, payments, shelf = Orders(), Payments(), Shelf()

Reply = Placed | Charged | Packed | Unpacked | Scanned
Todo = Send | Schedule | Done


class Fulfilling(Struct, frozen=True):
    """What the process remembers of an order."""

    key: str = ""
    by: str = ""
    charged: bool = False
    packed: bool = False
    cancelled: bool = False
    scans: int = 0
    reminders: int = 0
    declined: str = ""


def order_of(event: Recorded[Reply]) -> str:
    data = event.data
    return event.key if isinstance(data, Placed | Charged) else data.order


def remember(now: Fulfilling, event: Recorded[Reply] | Refused | Due) -> Fulfilling:
    key, by, charged, packed, cancelled = now.key, now.by, now.charged, now.packed, now.cancelled
    scans, reminders, declined = now.scans, now.reminders, now.declined
    match event:
        case Recorded(data=Placed(_, by)):
            key = event.key
        case Recorded(data=Charged()):
            charged = True
        case Recorded(data=Packed()):
            packed = True
        case Recorded(data=Unpacked()):
            packed = False
        case Recorded(data=Scanned()):
            scans += 1
        case Refused(to, _, _, _, reason):
            cancelled, declined = cancelled or to == "payment", declined or reason
        case Due("overdue"):
            cancelled, reminders = reminders > 0, reminders + 1
        case _:
            pass  # a timer that only wakes
    return Fulfilling(key, by, charged, packed, cancelled, scans, reminders, declined)


def fulfil(now: Fulfilling, event: Reply | Refused | Due) -> list[Todo]:
    confirm: list[Todo] = [send(orders, now.key, Confirm()), Schedule("late")]
    cancel: list[Todo] = [send(orders, now.key, Cancel(now.declined or "overdue")), Schedule("late")]
    done: list[Todo] = [Done()] if now.scans > 1 else []
    if now.packed and now.cancelled:
        cancel.append(send(shelf, "a", Unpack(now.key)))
    match event:
        case Placed(cents, "card"):
            pay, pack = send(payments, now.key, Charge(cents)), send(shelf, "a", Pack(now.key))
            return [pay, pack, Schedule("late", after=LATE)]
        case Placed():
            return [send(shelf, "a", Pack(now.key)), Schedule("overdue", after=OVERDUE)]
        case Charged():
            return confirm + done if now.packed else []
        case Packed():
            return cancel[2:] if now.cancelled else confirm + done if now.charged else []
        case Refused("payment"):
            return cancel
        case Due("overdue"):
            again: list[Todo] = [send(payments, now.key, Remind()), Schedule("overdue", after=OVERDUE)]
            return cancel if now.cancelled else again
        case Unpacked():
            return [Done()]
        case Scanned():
            return done if now.charged and now.packed else []
        case Due() | Refused():
            return []


fulfilment = Process("fulfilment", initial=Fulfilling(), correlate=order_of, evolve=remember, react=fulfil)
shop = App("shop", deciders=[orders, payments, shelf], processes=[fulfilment])
