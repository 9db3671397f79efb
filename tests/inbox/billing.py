"""A second app: invoices, which are paid by deposits at the bank. It knows the bank by its public events alone."""

from __future__ import annotations

from msgspec import Struct

from leftfold import App, Send, send
from leftfold.inbox import Incoming
from leftfold.lambdas.inbound import Accept


class Deposited(Struct, frozen=True):
    """The bank's public event."""

    account: str
    cents: int


class Order(Struct, frozen=True):
    """Another service's event, on EventBridge, and not in an envelope of ours."""

    number: str
    cents: int


class Pay(Struct, frozen=True):
    cents: int


class Charge(Struct, frozen=True):
    cents: int


class Paid(Struct, frozen=True):
    cents: int


class Charged(Struct, frozen=True):
    cents: int


class Refused(Exception): ...


class Invoice:
    """The decider, as a value."""

    category = "invoice"
    initial = 0
    refusals = (Refused,)

    def decide(self, command: Pay | Charge, due: int) -> list[Paid | Charged]:
        if isinstance(command, Charge):
            return [Charged(command.cents)]
        if command.cents <= 0:
            raise Refused("nothing to pay")
        if command.cents == 13:
            raise ZeroDivisionError("a fault of the domain")
        return [Paid(command.cents)]

    def evolve(self, due: int, event: Paid | Charged) -> int:
        return due + event.cents if isinstance(event, Charged) else due - event.cents


invoice = Invoice()
billing = App("billing", deciders=[invoice])


def pay(event: Incoming[Deposited]) -> list[Send]:
    return [send(invoice, event.data.account, Pay(event.data.cents))]


def charge(order: Order) -> Send | None:
    return send(invoice, order.number, Charge(order.cents)) if order.cents else None


accept: Accept = {"deposited": pay, ("com.shop", "Order Placed"): charge}
