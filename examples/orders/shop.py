"""What the shop's people look at: customers their orders, a warehouse its picking list. And how a parcel gets on its way."""

import order
import shipment
from msgspec import Struct
from order import Confirmed, Placed, Rejected, Ship, Shipped
from shipment import Dispatch, Dispatched
from stock import HandedOver, Listed, Unlisted

from leftfold import Recorded, Send, View, send


class Customer(Struct, frozen=True):
    orders: dict[str, str] = {}  # order: its state

def underway(row: Customer) -> int:
    return sum(state not in ("shipped", "rejected") for state in row.orders.values())

def by_customer(event: Recorded[order.Event]) -> str:
    return event.data.customer

def customer_row(row: Customer, event: Recorded[order.Event]) -> Customer:
    match event.data:
        case Placed(): state = "placed"
        case Confirmed(): state = "confirmed"
        case Rejected(): state = "rejected"
        case Shipped(): state = "shipped"
    return Customer({**row.orders, event.key: state})


class Picking(Struct, frozen=True):
    """A warehouse's list: what to pick for which order, the oldest first."""

    orders: dict[str, dict[str, int]] = {}

def parcels(row: Picking) -> int:
    return len(row.orders)

def picking_row(row: Picking, event: Listed | Unlisted | HandedOver) -> Picking:
    match event:
        case Listed(order, items): return Picking({**row.orders, order: items})
        case Unlisted(order) | HandedOver(order):
            return Picking({name: items for name, items in row.orders.items() if name != order})


def collected(event: Recorded[HandedOver]) -> list[Send]:
    """The warehouse has handed a parcel over: it is on its way."""
    return [send(shipment, event.data.order, Dispatch())]

def sent(event: Recorded[Dispatched]) -> list[Send]:
    return [send(order, event.key, Ship())]


customers = View("customers", initial=Customer(), evolve=customer_row, key=by_customer, indexes={"underway": underway})
picking = View("picking", initial=Picking(), evolve=picking_row, indexes={"parcels": parcels})
