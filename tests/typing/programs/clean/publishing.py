"""Publishing needs no annotation but those of its own functions."""

import account
from msgspec import Struct

from leftfold import App, Recorded
from leftfold.adapters.inprocess import InProcess
from leftfold.publish import CloudEvent, Publish, read


class MoneyMoved(Struct, frozen=True):
    cents: int


def moved(event: Recorded[account.Deposited | account.Withdrawn]) -> MoneyMoved | None:
    return MoneyMoved(event.data.amount) if event.data.amount > 100 else None


seen: list[CloudEvent] = []
bus = InProcess("bus", lambda message: seen.append(read(message.body)))
app = App(
    "bank",
    deciders=[account],
    publish=[
        Publish(account.Deposited | account.Withdrawn, to=bus, as_=moved, names={MoneyMoved: "money-moved"}),
        Publish([account.Deposited], to="kinesis:moved", as_=moved),
    ],
)
with app.open("memory:") as session:
    passed: int = session.catch_up()
