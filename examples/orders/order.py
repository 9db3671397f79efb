"""The rules of one order, from the basket to the door. Amounts are integer cents."""

from msgspec import Struct


class Line(Struct, frozen=True): item: str; count: int; cents: int  # each

class Place(Struct, frozen=True): customer: str; warehouse: str; country: str; lines: tuple[Line, ...]
class Confirm(Struct, frozen=True): ...
class Reject(Struct, frozen=True): ...
class Ship(Struct, frozen=True): ...

class Placed(Struct, frozen=True): customer: str; warehouse: str; country: str; lines: tuple[Line, ...]
class Confirmed(Struct, frozen=True): customer: str
class Rejected(Struct, frozen=True): customer: str
class Shipped(Struct, frozen=True): customer: str

Command = Place | Confirm | Reject | Ship
Event = Placed | Confirmed | Rejected | Shipped

class Refused(Exception): ...

class Order(Struct, frozen=True):
    customer: str = ""  # of an order that nobody placed
    state: str = ""

category = "order"
initial = Order()
refusals = (Refused,)

def total(lines: tuple[Line, ...]) -> int:
    return sum(line.count * line.cents for line in lines)

def decide(command: Command, order: Order) -> list[Event]:
    match command:
        case Place() if order.state: raise Refused("already placed")
        case Place(_, _, _, lines) if not lines or any(line.count < 1 or line.cents < 0 for line in lines):
            raise Refused("an order has lines, and a line at least one item")
        case Place(customer, warehouse, country, lines): return [Placed(customer, warehouse, country, lines)]
        case Confirm() if order.state == "placed": return [Confirmed(order.customer)]
        case Reject() if order.state == "placed": return [Rejected(order.customer)]
        case Ship() if order.state == "confirmed": return [Shipped(order.customer)]
        case Confirm() | Reject() | Ship(): raise Refused(f"it is {order.state or 'not placed'}")

def evolve(order: Order, event: Event) -> Order:
    match event:
        case Placed(customer): return Order(customer, "placed")
        case Confirmed(): return Order(order.customer, "confirmed")
        case Rejected(): return Order(order.customer, "rejected")
        case Shipped(): return Order(order.customer, "shipped")
