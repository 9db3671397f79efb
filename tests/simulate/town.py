"""The app that is simulated: accounts with snapshots, a school over two streams, views of every kind, a reaction."""

import random
from collections.abc import Sequence

from leftfold import App, Recorded, Send, View, send
from leftfold.testing.sample import (
    Accounts,
    AddCourse,
    Close,
    Deposit,
    Enrol,
    Event,
    Open,
    Transfer,
    TransferSent,
    Withdraw,
    balances,
    enrolments,
    transfers,
)


class SnapshottedAccounts(Accounts):
    snapshot_every = 3


account = SnapshottedAccounts()


def note(row: list[int], event: Recorded[Event]) -> list[int]:
    return [*row, event.position]


def credit(event: Recorded[TransferSent]) -> list[Send]:
    return [send(account, event.data.to, Deposit(event.data.amount))]


journal = View("journal", initial=list[int](), evolve=note, indexes={"last": lambda row: row[-1]})
town = App("town", deciders=[account, enrolments], views=[balances, transfers, journal], reactions=[credit])


def commands(seed: int, number: int = 16) -> Sequence[Send]:
    """A town's day: accounts are opened, then money moves and students enrol."""
    dice = random.Random(seed)
    sends = [send(account, key, Open(key)) for key in "ab"] + [send(enrolments, AddCourse("c", 2))]
    sends += [send(account, key, Deposit(100)) for key in "ab"]
    for _ in range(number):
        key, other = dice.choice("ab"), dice.choice("abc")
        sends.append(
            dice.choice(
                [
                    send(account, key, Deposit(dice.randrange(1, 9))),
                    send(account, key, Withdraw(dice.randrange(30))),
                    send(account, key, Transfer(other, dice.randrange(1, 30))),
                    send(account, key, Transfer(other, dice.randrange(1, 30))),
                    send(account, key, dice.choice([Close(), Open(key)])),
                    send(enrolments, Enrol("c", f"s{dice.randrange(4)}")),
                ]
            )
        )
    return sends
