"""What the shop does about an invoice: a reminder when it is overdue, then nothing more on account, until it is paid."""

from datetime import timedelta

import payment
from msgspec import Struct
from payment import Charged, Paid, Refunded, Remind, Stop

from leftfold import Done, Process, Recorded, Schedule, Send, send
from leftfold.processes import Due, Refused

TO_PAY = timedelta(days=14)
TO_ANSWER = timedelta(days=7)  # a reminder

Billing = Recorded[Charged | Paid | Refunded]


class Invoice(Struct, frozen=True):
    customer: str = ""
    order: str = ""

def of_order(event: Billing) -> str:
    return event.data.order

def remember(invoice: Invoice, event: Billing | Due | Refused) -> Invoice:
    match event:
        case Recorded(data=Charged(order), key=customer): return Invoice(customer, order)
        case Recorded() | Due() | Refused(): return invoice

def collect(invoice: Invoice, event: Charged | Paid | Refunded | Due | Refused) -> list[Send | Schedule | Done]:
    customer, order = invoice.customer, invoice.order
    match event:
        case Charged(): return [Schedule("overdue", after=TO_PAY)]
        case Paid() | Refunded(): return [Done()]
        case Due("overdue"): return [send(payment, customer, Remind(order)), Schedule("ignored", after=TO_ANSWER)]
        case Due(): return [send(payment, customer, Stop(order))]
        case Refused(): return [Done()]  # it was paid meanwhile

dunning = Process("dunning", initial=Invoice(), correlate=of_order, evolve=remember, react=collect)
