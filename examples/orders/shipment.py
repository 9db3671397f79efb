"""The parcel of one order: booked with a carrier, and on its way once the warehouse has handed it over."""

from msgspec import Struct

SERVED = {"AT", "CH", "DE"}


class Book(Struct, frozen=True): warehouse: str; country: str
class Cancel(Struct, frozen=True): ...
class Dispatch(Struct, frozen=True): ...

class Booked(Struct, frozen=True): warehouse: str; country: str
class Cancelled(Struct, frozen=True): ...
class Dispatched(Struct, frozen=True): ...

Command = Book | Cancel | Dispatch
Event = Booked | Cancelled | Dispatched

class Refused(Exception): ...

class Parcel(Struct, frozen=True):
    state: str = ""

category = "shipment"
initial = Parcel()
refusals = (Refused,)

def decide(command: Command, parcel: Parcel) -> list[Event]:
    match command:
        case Book(_, country) if country not in SERVED: raise Refused(f"no carrier goes to {country}")
        case Book(warehouse, country) if parcel.state in ("", "cancelled"): return [Booked(warehouse, country)]
        case Cancel() if parcel.state == "booked": return [Cancelled()]
        case Dispatch() if parcel.state == "booked": return [Dispatched()]
        case Book() | Cancel() | Dispatch(): raise Refused(f"it is {parcel.state or 'not booked'}")

def evolve(parcel: Parcel, event: Event) -> Parcel:
    match event:
        case Booked(): return Parcel("booked")
        case Cancelled(): return Parcel("cancelled")
        case Dispatched(): return Parcel("dispatched")
