"""The way of an order to the warehouse. Where a step is refused, what was done before it is undone."""

import order
import payment
import shipment
import stock
from msgspec import Struct
from order import Confirm, Line, Placed, Reject, total
from payment import Charge, Refund
from shipment import Book, Cancel
from stock import List, Release, Reserve, Unlist

from leftfold import Recorded, Send, Step, Workflow, send
from leftfold.workflows import Await, Choice, Parallel

LARGE = 1_000_00  # from here on, somebody looks at an order first
APPROVAL_S = 3 * 24 * 3600


class Checkout(Struct, frozen=True):
    order: str
    customer: str
    warehouse: str
    country: str
    lines: tuple[Line, ...]
    approved: bool = False

class Approval(Struct, frozen=True): by: str; yes: bool

class NotApproved(Exception): ...

def answered(checkout: Checkout, answer: Approval) -> Checkout:
    it = checkout
    return Checkout(it.order, it.customer, it.warehouse, it.country, it.lines, answer.yes)


def accept(checkout: Checkout) -> None:
    """Nothing to do: an order whose checkout fails is rejected."""

def reject(checkout: Checkout) -> Send:
    return send(order, checkout.order, Reject())

def size(checkout: Checkout) -> str:
    return "large" if total(checkout.lines) >= LARGE else "small"

def approve(checkout: Checkout) -> None:
    if not checkout.approved:
        raise NotApproved

def reserve(checkout: Checkout) -> Send:
    items = {line.item: line.count for line in checkout.lines}
    return send(stock, checkout.warehouse, Reserve(checkout.order, items))

def release(checkout: Checkout) -> Send:
    return send(stock, checkout.warehouse, Release(checkout.order))

def charge(checkout: Checkout) -> Send:
    return send(payment, checkout.customer, Charge(checkout.order, total(checkout.lines)))

def refund(checkout: Checkout) -> Send:
    return send(payment, checkout.customer, Refund(checkout.order))

def book(checkout: Checkout) -> Send:
    return send(shipment, checkout.order, Book(checkout.warehouse, checkout.country))

def cancel(checkout: Checkout) -> Send:
    return send(shipment, checkout.order, Cancel())

def pick(checkout: Checkout) -> Send:
    return send(stock, checkout.warehouse, List(checkout.order))

def put_back(checkout: Checkout) -> Send:
    return send(stock, checkout.warehouse, Unlist(checkout.order))

def confirm(checkout: Checkout) -> Send:
    return send(order, checkout.order, Confirm())


checkout = Workflow(
    "checkout",
    data=Checkout,
    steps=[
        Step("accept", do=accept, undo=reject),
        Choice("size", by=size, branches={
            "large": [Await("approval", answer=Approval, timeout_s=APPROVAL_S), Step("approve", do=approve)],
            "small": [],
        }),
        Step("reserve", do=reserve, undo=release),
        Step("charge", do=charge, undo=refund),
        Parallel("hand_over", branches=[
            [Step("book", do=book, undo=cancel)],
            [Step("pick", do=pick, undo=put_back)],
        ]),
        Step("confirm", do=confirm),
    ],
    evolve=answered,
    refusals=[NotApproved],
)

def placed(event: Recorded[Placed]) -> list[Send]:
    it = event.data
    return [send(checkout, event.key, Checkout(event.key, it.customer, it.warehouse, it.country, it.lines))]
