"""A shop's day by the seed, and how it must end, whatever comes twice, late, or out of order."""

import random
from collections.abc import Sequence

from leftfold import App, Send, Session, send
from leftfold.testing.sample_shop import LIMIT_CENTS, Place, Raise, Scan, orders, payments, shelf, shop
from leftfold.testing.simulation import OpenStore, Simulated, on_memory, simulate

ORDERS = 4


def day(seed: int) -> Sequence[Send]:
    """Orders are placed, some on invoice, some too dear until a limit is raised; parcels are scanned at any hour.

    On every other day all are too dear, and limits go up and down: what was refused may be accepted a moment later.
    """
    dice = random.Random(seed)
    if seed % 2:
        return fickle(dice)
    sends: list[Send] = []
    for number in range(ORDERS):
        cents = dice.randrange(1, 2 * LIMIT_CENTS)
        sends.append(send(orders, f"o{number}", Place(cents, "invoice" if dice.random() < 0.25 else "card")))
        sends += [send(shelf, "a", Scan(f"o{number}")) for _ in range(dice.choice([0, 0, 2, 3]))]
        sends += [send(payments, f"o{number}", Raise(2 * LIMIT_CENTS)) for _ in range(dice.choice([0, 0, 0, 1]))]
    dice.shuffle(sends)
    return sends


def fickle(dice: random.Random) -> Sequence[Send]:
    sends: list[Send] = []
    for number in range(ORDERS):
        sends.append(send(orders, f"o{number}", Place(LIMIT_CENTS + 1)))
        sends += [send(payments, f"o{number}", Raise(dice.choice([1, 2]) * LIMIT_CENTS)) for _ in range(4)]
    dice.shuffle(sends)
    return sends


def ends_well(session: Session, sends: Sequence[Send]) -> None:
    """Every order has come to the end that its own command says."""
    packed = set[str]()
    runs = dict(session.view(shop.runs).scan()) if shop.runs is not None else {}
    for one in sends:
        if not isinstance(one.command, Place) or one.key is None:
            continue
        key, command = one.key, one.command
        state, paying = session.category(orders).state(key).status, session.category(payments).state(key)
        raised = any(isinstance(other.command, Raise) and other.key == key for other in sends)
        paid = command.by == "card" and (command.cents <= LIMIT_CENTS or (raised and state == "confirmed"))
        assert state == ("confirmed" if paid else "cancelled"), f"{key} is {state}: {command}"
        expected = command.cents * paid, int(command.by == "invoice")
        assert (paying.charged, paying.reminders) == expected, f"the payment of {key} is {paying}: {command}"
        scans = sum(isinstance(other.command, Scan) and other.command.order == key for other in sends)
        run = runs[f"fulfilment/{key}"]
        over = "done" if not paid or scans > 1 else "running"
        assert (run.status, run.timers) == (over, {}), f"fulfilment/{key} is {run}"
        packed |= {key} if paid else set()
    found = session.category(shelf).state("a")
    assert found == packed, f"on the shelf are {sorted(found)}, and should be {sorted(packed)}"


def run(seed: int, store: OpenStore = on_memory, app: App = shop) -> Simulated:
    """One simulated day. Raises SimulationFailed."""
    sends = day(seed)
    return simulate(app, sends, seed=seed, store=store, judge=lambda session: ends_well(session, sends))
