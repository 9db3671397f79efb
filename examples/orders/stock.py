"""What lies in one warehouse, and for which orders it is kept."""

from msgspec import Struct


class Receive(Struct, frozen=True): items: dict[str, int]
class Reserve(Struct, frozen=True): order: str; items: dict[str, int]
class Release(Struct, frozen=True): order: str
class List(Struct, frozen=True): order: str
class Unlist(Struct, frozen=True): order: str
class HandOver(Struct, frozen=True): order: str

class Received(Struct, frozen=True): items: dict[str, int]
class Reserved(Struct, frozen=True): order: str; items: dict[str, int]
class Released(Struct, frozen=True): order: str
class Listed(Struct, frozen=True): order: str; items: dict[str, int]
class Unlisted(Struct, frozen=True): order: str
class HandedOver(Struct, frozen=True): order: str

Command = Receive | Reserve | Release | List | Unlist | HandOver
Event = Received | Reserved | Released | Listed | Unlisted | HandedOver

class Refused(Exception): ...

class Stock(Struct, frozen=True):
    free: dict[str, int] = {}
    kept: dict[str, dict[str, int]] = {}  # by order
    listed: frozenset[str] = frozenset()  # orders on the picking list

category = "stock"
initial = Stock()
refusals = (Refused,)

def decide(command: Command, stock: Stock) -> list[Event]:
    match command:
        case Receive(items): return [Received(items)]
        case Reserve(order) if order in stock.kept: raise Refused("already reserved")
        case Reserve(order, items):
            if short := [item for item, count in items.items() if stock.free.get(item, 0) < count]:
                raise Refused(f"not enough of {', '.join(short)}")
            return [Reserved(order, items)]
        case _ if command.order not in stock.kept: raise Refused("nothing is kept for this order")
        case List(order) if order not in stock.listed: return [Listed(order, stock.kept[order])]
        case Unlist(order) if order in stock.listed: return [Unlisted(order)]
        case HandOver(order) if order in stock.listed: return [HandedOver(order)]
        case Release(order) if order not in stock.listed: return [Released(order)]
        case List() | Release(): raise Refused("it is on the picking list")
        case Unlist() | HandOver(): raise Refused("it is not on the picking list")

def evolve(stock: Stock, event: Event) -> Stock:
    match event:
        case Received(items): return Stock(added(stock.free, items), stock.kept, stock.listed)
        case Reserved(order, items): return Stock(added(stock.free, items, -1), {**stock.kept, order: items}, stock.listed)
        case Released(order): return Stock(added(stock.free, stock.kept[order]), others(stock, order), stock.listed)
        case Listed(order): return Stock(stock.free, stock.kept, stock.listed | {order})
        case Unlisted(order): return Stock(stock.free, stock.kept, stock.listed - {order})
        case HandedOver(order): return Stock(stock.free, others(stock, order), stock.listed - {order})

def added(free: dict[str, int], items: dict[str, int], sign: int = 1) -> dict[str, int]:
    return {**free, **{item: free.get(item, 0) + sign * count for item, count in items.items()}}

def others(stock: Stock, order: str) -> dict[str, dict[str, int]]:
    return {name: items for name, items in stock.kept.items() if name != order}
