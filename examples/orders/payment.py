"""What one customer owes. The shop delivers on account, up to a limit; amounts are integer cents."""

from msgspec import Struct


class Agree(Struct, frozen=True): limit: int
class Charge(Struct, frozen=True): order: str; cents: int
class Refund(Struct, frozen=True): order: str
class Pay(Struct, frozen=True): order: str
class Remind(Struct, frozen=True): order: str
class Stop(Struct, frozen=True): order: str

class Agreed(Struct, frozen=True): limit: int
class Charged(Struct, frozen=True): order: str; cents: int
class Refunded(Struct, frozen=True): order: str
class Paid(Struct, frozen=True): order: str
class Reminded(Struct, frozen=True): order: str
class Stopped(Struct, frozen=True): order: str

Command = Agree | Charge | Refund | Pay | Remind | Stop
Event = Agreed | Charged | Refunded | Paid | Reminded | Stopped

class Refused(Exception): ...

class Account(Struct, frozen=True):
    limit: int = 0
    owed: dict[str, int] = {}  # cents by order
    stopped: str = ""  # the order that is long overdue

category = "payment"
initial = Account()
refusals = (Refused,)

def decide(command: Command, account: Account) -> list[Event]:
    match command:
        case Agree(limit): return [Agreed(limit)]
        case Charge(order) if order in account.owed: raise Refused("already charged")
        case Charge() if account.stopped: raise Refused(f"order {account.stopped} is long overdue")
        case Charge(_, cents) if sum(account.owed.values()) + cents > account.limit: raise Refused("over the limit")
        case Charge(order, cents): return [Charged(order, cents)]
        case _ if command.order not in account.owed: raise Refused("nothing is owed for this order")
        case Refund(order): return [Refunded(order)]
        case Pay(order): return [Paid(order)]
        case Remind(order): return [Reminded(order)]
        case Stop(order): return [Stopped(order)]

def evolve(account: Account, event: Event) -> Account:
    match event:
        case Agreed(limit): return Account(limit, account.owed, account.stopped)
        case Charged(order, cents): return Account(account.limit, {**account.owed, order: cents}, account.stopped)
        case Refunded(order) | Paid(order): return settled(account, order)
        case Reminded(): return account
        case Stopped(order): return Account(account.limit, account.owed, order)

def settled(account: Account, order: str) -> Account:
    owed = {name: cents for name, cents in account.owed.items() if name != order}
    return Account(account.limit, owed, "" if account.stopped == order else account.stopped)
