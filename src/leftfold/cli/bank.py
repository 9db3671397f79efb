"""The demo's work: seeded commands from several callers at once, and an audit that trusts no view."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from random import Random
from typing import Any, Final, cast

from msgspec import Struct

from leftfold.app import App
from leftfold.category import Category
from leftfold.cli.output import Advance
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.core.views import View
from leftfold.session import Session

CALLERS: Final = 8  # their commits share fsyncs: this is what group commit is for
ROUND: Final = 400  # commands between two catch-ups: transfers arrive while the bank is open
SHOPS: Final = (
    *("bakery", "bookshop", "brewery", "butcher", "chemist", "cinema", "dairy", "farm", "florist", "forge"),
    *("garage", "grocer", "harbour", "library", "mill", "museum", "nursery", "pottery", "sawmill", "tailor"),
)
ACCOUNTS: Final = tuple(f"{shop}-{number}" for shop in SHOPS for number in (1, 2))


class Order(Struct, frozen=True):
    """A command on its way to an account."""

    key: str
    command: Any
    command_id: str
    actor: str


class Tally(Struct):
    """What came of some orders."""

    appended: int = 0
    refused: int = 0
    repeated: int = 0


class Work(Struct, frozen=True):
    """What this run did. `reacted` counts the events that reactions caused."""

    commands: int
    appended: int
    refused: int
    repeated: int
    reacted: int
    per_s: float


class Audit(Struct, frozen=True):
    """All of the log, in cents. `transfer` is the id of the newest event that something was sent for."""

    events: int
    paid_in: int
    paid_out: int
    sent: int
    arrived: int
    held: int
    transfer: str


def work(session: Session, account: Any, commands: int, advance: Advance) -> Work:
    """Handle so many commands. Seeded by where the log ends: the same bank has the same next day."""
    start = session.backend.log.end()
    orders = _orders(account, commands, start)
    tally, done, spent = Tally(), 0, 0.0
    accounts = cast("Category[Any, Any, Any]", session.category(account))
    with ThreadPoolExecutor(CALLERS) as callers:
        while batch := list(islice(orders, ROUND)):
            began = time.perf_counter()
            waiting = {callers.submit(_serve, accounts, share, account.refusals) for share in _shares(batch)}
            while waiting:
                served, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                done += sum(_add(tally, one) for one in served)
                advance(done, commands)
            spent += time.perf_counter() - began
            session.catch_up()
    reacted = sum(event.meta.causation_id is not None for event in session.log(after=start))
    return Work(done, tally.appended, tally.refused, tally.repeated, reacted, done / max(spent, 1e-9))


def _orders(account: Any, commands: int, start: int) -> Iterator[Order]:
    """Openings first, with fixed ids: a second run repeats them, and nothing happens. Then a day at the counter."""
    chance = Random(start)
    for key in ACCOUNTS[:commands]:
        yield Order(key, account.Open(key.partition("-")[0]), f"open-{key}", "head-office")
    yesterday: list[Order] = []
    for number in range(commands - len(ACCOUNTS)):
        if yesterday and chance.random() < 0.04:
            yield chance.choice(yesterday)  # a client that heard no answer asks again
            continue
        key = chance.choice(ACCOUNTS)
        order = Order(key, _wish(account, chance, key), f"day-{start}-{number}", f"teller-{chance.randint(1, 4)}")
        yesterday.append(order)
        yield order


def _wish(account: Any, chance: Random, key: str) -> Any:
    kind = chance.random()
    if kind < 0.5:
        return account.Deposit(chance.randint(5_00, 400_00))
    if kind < 0.78:
        return account.Withdraw(chance.randint(5_00, 600_00))
    return account.Transfer(chance.choice([other for other in ACCOUNTS if other != key]), chance.randint(5_00, 300_00))


def _shares(batch: list[Order]) -> list[list[Order]]:
    """One share a caller; all orders of an account in one, so that their order is kept."""
    shares: dict[int, list[Order]] = {}
    for order in batch:
        shares.setdefault(ACCOUNTS.index(order.key) % CALLERS, []).append(order)
    return list(shares.values())


def _serve(accounts: Category[Any, Any, Any], orders: list[Order], refusals: tuple[type[Exception], ...]) -> Tally:
    tally = Tally()
    for order in orders:
        try:
            outcome = accounts.handle(order.key, order.command, command_id=order.command_id, actor=order.actor)
        except refusals:
            tally.refused += 1
            continue
        if outcome.repeated:
            tally.repeated += 1
        else:
            tally.appended += len(outcome.events)
    return tally


def _add(tally: Tally, served: Future[Tally]) -> int:
    """Count a share. Every order has one of three outcomes: an accepted one appends one event in this domain."""
    one = served.result()
    tally.appended += one.appended
    tally.refused += one.refused
    tally.repeated += one.repeated
    return one.appended + one.refused + one.repeated


def balances(app: App) -> View[Any]:
    """The newest version of the view that holds the money. Raises ConfigError when the demo's code has been changed."""
    found = [
        view for view in app.views if isinstance(view, View) and view.name == "balances" and "cents" in view.indexes
    ]
    if not found:
        raise ConfigError("bank.py is no longer the demo's, it has no view of balances by cents: choose another --dir.")
    return max(found, key=lambda view: view.version)


def audit(session: Session) -> Audit:
    """Count the money in a plain loop over the log, and compare it with the view. Raises IntegrityError."""
    counted: dict[str, int] = {}
    paid_in = paid_out = sent = arrived = events = 0
    transfer = ""
    for event in session.log():
        data: Any = event.data
        events += 1
        match event.type:
            case "Deposited":
                counted[event.key] += data.amount
                if event.meta.causation_id is None:
                    paid_in += data.amount
                else:
                    arrived, transfer = arrived + data.amount, event.meta.causation_id
            case "Withdrawn":
                counted[event.key] -= data.amount
                paid_out += data.amount
            case "TransferSent":
                counted[event.key] -= data.amount
                sent += data.amount
            case _:
                counted.setdefault(event.key, 0)
    found = Audit(events, paid_in, paid_out, sent, arrived, sum(counted.values()), transfer)
    _agree(session, counted, found)
    return found


def _agree(session: Session, counted: dict[str, int], found: Audit) -> None:
    rows = {key: row.cents for key, row in session.view(balances(session.app)).scan()}
    wrong = sorted(key for key in rows.keys() | counted.keys() if rows.get(key) != counted.get(key))
    if wrong:
        raise IntegrityError(
            f"the view disagrees with the log on {len(wrong)} accounts ({', '.join(wrong[:5])}): "
            "`leftfold explain bank:app balances KEY` shows how, `leftfold dead bank:app` what is parked."
        )
    if found.sent != found.arrived or found.held != found.paid_in - found.paid_out:
        raise IntegrityError(
            f"money was lost or made: {money(found.sent)} sent, {money(found.arrived)} arrived, "
            f"{money(found.held)} held of {money(found.paid_in)} in and {money(found.paid_out)} out."
        )


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"
