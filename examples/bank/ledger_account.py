"""The rules of one account in the bank's ledger. Amounts are integers, in hundredths of a koruna.

What the data shows, and the rules made of it: every account begins with a credit. Customers go into the red (93 rows), and
go on from there, down to 5,446.60; so there is an overdraft, and 6,000.00 is the next round figure. The bank's own
charges, its fees and the interest on an overdraft, are always booked.

What is declined for the account's sake is recorded like what is booked: asked again, later, in better days, it stays
declined. A command that makes no sense at any time is refused, and leaves no trace.
"""

from msgspec import Struct


class About(Struct, frozen=True, omit_defaults=True):
    """The bank's own words for a booking."""
    operation: str = ""
    symbol: str = ""
    bank: str = ""
    partner: str = ""

class Credit(Struct, frozen=True): amount: int; day: str; about: About = About()
class Debit(Struct, frozen=True): amount: int; day: str; about: About = About()

class Credited(Struct, frozen=True): amount: int; day: str; balance: int; about: About
class Debited(Struct, frozen=True): amount: int; day: str; balance: int; about: About

class Declined(Struct, frozen=True): amount: int; day: str; reason: str; about: About

Command = Credit | Debit
Booked = Credited | Debited  # each with the balance after it, as the bank prints it
Event = Booked | Declined

class Refused(Exception): ...

class Account(Struct, frozen=True):
    balance: int = 0
    is_open: bool = False

OVERDRAFT = 6_000_00
CHARGES = ("SLUZBY", "SANKC. UROK")

category = "account"
initial = Account()
refusals = (Refused,)

def decide(command: Command, account: Account) -> list[Event]:
    amount, day, about = command.amount, command.day, command.about
    if amount <= 0: raise Refused("an amount is at least one hundredth")
    match command:
        case Credit(): return [Credited(amount, day, account.balance + amount, about)]
        case Debit() if not account.is_open: return [Declined(amount, day, "an account begins with a credit", about)]
        case Debit() if account.balance - amount < -OVERDRAFT and about.symbol not in CHARGES:
            return [Declined(amount, day, "over the overdraft of 6,000.00", about)]
        case Debit(): return [Debited(amount, day, account.balance - amount, about)]

def evolve(account: Account, event: Event) -> Account:
    match event:
        case Credited(amount): return Account(account.balance + amount, is_open=True)
        case Debited(amount): return Account(account.balance - amount, account.is_open)
        case Declined(): return account
