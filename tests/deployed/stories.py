"""What happens to the deployed apps. Each story is told as facts, which the tests judge."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from leftfold import App
from leftfold.adapters.memory import Memory
from leftfold.cloud.bundle.target import here
from leftfold.cloud.settings import Archive, Settings
from leftfold.copying import copy
from leftfold.core.runs import OVER
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from tests.deployed.calls import calls
from tests.deployed.deployment import Answer, Cloud, Deployment, deployed, until
from tests.deployed.wire import Recorder
from tests.testbed.aws import leading_to

LARGE: Final = 200_000  # bytes of an event; four of them in one commit are more than an item takes
COMMITS: Final = 3

EXAMPLES: Final = Path(__file__).parents[2] / "examples"

Facts = dict[str, Any]


def settings(**more: Any) -> Settings:
    """For functions that run on this machine."""
    target = here()
    if target is None:
        pytest.skip("Lambda has no Python and processor like this machine's, so that no bundle runs here")
    return Settings(python=target.python, architecture=target.arch, **more)  # type: ignore[arg-type]


def play(cloud: Cloud, recorder: Recorder) -> tuple[Facts, list[Deployment]]:
    """Both apps side by side, each with its tables, its roles and its functions."""
    for name in ("bank", "orders"):
        if str(EXAMPLES / name) not in sys.path:
            sys.path.append(str(EXAMPLES / name))
    account: Any = import_module("account")
    payment: Any = import_module("payment")
    bank: App = import_module("bank").bank
    orders: App = import_module("orders").orders
    of_bank = settings(tenants=("acme",), archive=Archive(keep_days=1))
    the_bank = deployed(
        *(cloud, recorder, bank, "bank:bank", EXAMPLES / "bank", of_bank),
        moving=lambda url: large_accounts(cloud, url, bank, account),
    )
    the_shop = deployed(
        *(cloud, recorder, orders, "orders:orders", EXAMPLES / "orders", settings()),
        moving=lambda url: an_old_invoice(cloud, url, orders, payment),
    )
    facts = {
        "bank": a_morning_at_the_bank(the_bank, bank),
        "archive": archived_and_replayed(the_bank),
        "shop": orders_of_a_day(the_shop),
        "reminder": reminded(the_shop),
        "runs": how_they_ended(the_shop, orders, recorder),
    }
    return facts, [the_bank, the_shop]


def a_morning_at_the_bank(bank: Deployment, app: App) -> Facts:
    facts: Facts = {}
    bank.command("account", "ann", "Open", {"owner": "Ann"})
    bank.command("account", "ben", "Open", {"owner": "Ben"})
    bank.command("account", "ann", "Deposit", {"amount": 100_00}, command_id="req-1")
    facts["again"] = bank.command("account", "ann", "Deposit", {"amount": 100_00}, command_id="req-1")
    facts["refused"] = bank.command("account", "ben", "Withdraw", {"amount": 500_00})
    sent = bank.command("account", "ann", "Transfer", {"to": "ben", "amount": 30_00})
    facts["ann"] = bank.row("balances", "ann", after=sent.body["receipt"])
    facts["ben"] = bank.awaited("the transfer", lambda: settled(bank, "ben", 30_00))
    bank.command("account", "ann", "Transfer", {"to": "nobody", "amount": 1_00})
    facts["refused at the far end"] = bank.awaited("a letter", lambda: letters(bank, app))
    facts["health"] = [bank.http(name, "GET", "/health").status for name in ("commands", "queries")]
    facts["found"] = bank.http("queries", "GET", "/views/balances?cents=3000")
    facts["stream"] = bank.http("queries", "GET", "/streams/account/ben")
    return facts


def large_accounts(cloud: Cloud, url: str, app: App, account: Any) -> None:
    """An old history of commits that no item takes."""
    chance = Random(7)
    old = Memory(clock=FrozenClock()).open("acme")
    with app.open(old) as session:
        accounts = at_work(session, account)
        for number in range(COMMITS):
            names = [chance.randbytes(LARGE // 2).hex() for _ in range(4)]  # which nothing makes smaller
            events = [account.Opened(name) for name in names]
            accounts.transact(f"old-{number}", partial(as_decided, events))
    move_in(cloud, url, app, old)


def at_work(session: Any, decider: object) -> Any:
    """A decider of an example, which is imported by its bare name and so unknown to type checkers here."""
    return session.category(decider)


def as_decided(events: list[Any], state: object) -> list[Any]:
    return events


def an_old_invoice(cloud: Cloud, url: str, app: App, payment: Any) -> None:
    """Somebody owes the shop money since January."""
    old = Memory(clock=FrozenClock()).open()
    with app.open(old) as session:
        payments = at_work(session, payment)
        payments.handle("zoe", payment.Agree(100_00))
        payments.handle("zoe", payment.Charge("o-0", 50_00))
    move_in(cloud, url, app, old)


def move_in(cloud: Cloud, url: str, app: App, old: Backend) -> None:
    """Copy a history while there are tables and no functions yet."""
    with leading_to(cloud.endpoint), app.open(url, tenant=old.tenant or None) as there:
        assert copy(old, there.backend).copied == old.log.end() > 0


def archived_and_replayed(bank: Deployment) -> Facts:
    """A segment under a lock, and a view folded from it by the state machine while commands go on."""
    facts: Facts = {}
    facts["stream"] = bank.http("queries", "GET", "/streams/account/old-0")
    facts["schedules"] = {name: bank.caught_up(name) for name in ("sequencer", "projector", "reactor", "archiver")}
    bank.chill("archiver")
    facts["cold archiver"] = bank.called_by_schedule("archiver")
    facts["replay"] = bank.execute("replay", {"view": "balances", "tenant": "acme", "promote": True})
    facts["replayed"] = bank.http("queries", "GET", "/views/balances/ann")
    return facts


def letters(bank: Deployment, app: App) -> list[str] | None:
    """What an operator finds of commands that were refused."""
    with leading_to(bank.cloud.endpoint), app.open(bank.store, tenant="acme") as session:
        return [letter.error for letter in session.operations.dead_letters() if letter.kind == "refused"] or None


def settled(bank: Deployment, key: str, cents: int) -> Answer | None:
    """The row, when it says so: a reaction has no receipt that one could ask with."""
    answer = bank.http("queries", "GET", f"/views/balances/{key}")
    return answer if answer.body["row"] == cents else None


def orders_of_a_day(shop: Deployment) -> Facts:
    """One that succeeds, two that are undone, one that waits for somebody. A command starts each; it goes on by itself."""
    shop.command("stock", "berlin", "Receive", {"items": {"desk": 9}})
    shop.command("payment", "ann", "Agree", {"limit": 2_000_00})
    facts: Facts = {}
    for name, cents, country in (
        ("o-1", 400_00, "DE"),
        ("o-2", 900_00, "AQ"),  # no carrier goes there, and the warehouse has begun to pick
        ("o-3", 1_900_00, "DE"),  # over the limit, once somebody has approved it
        ("o-4", 1_200_00, "CH"),
    ):
        lines = [{"item": "desk", "count": 1, "cents": cents}]
        body = {"customer": "ann", "warehouse": "berlin", "country": country, "lines": lines}
        placed = shop.command("order", name, "Place", body)
        facts[name] = shop.row("customers", "ann", after=placed.body["receipt"]).body["row"]["orders"][name]
    for name in ("o-1", "o-2"):
        facts[f"{name} ended"] = shop.awaited(name, partial(ended, shop, name))
    return facts


def ended(shop: Deployment, name: str) -> str | None:
    """The order's state as its customer sees it, once its checkout is over."""
    state = shop.http("queries", "GET", "/views/customers/ann").body["row"]["orders"][name]
    return None if state == "placed" else str(state)


def reminded(shop: Deployment) -> list[str]:
    """What an old invoice brought about: it was due long ago, so that its timer rings at once."""

    def look() -> list[str] | None:
        events = shop.http("queries", "GET", "/streams/payment/zoe").body["events"]
        return [one["type"] for one in events] if len(events) > 2 else None

    return shop.awaited("the reminder", look)


def how_they_ended(shop: Deployment, app: App, recorder: Recorder) -> Facts:
    """The waiting ones are answered, by somebody with a session of their own; then all are over."""
    checkout = import_module("checkout")
    facts: Facts = {}
    with leading_to(shop.cloud.endpoint), app.open(shop.store) as session:
        runs: Any = session.workflow(checkout.checkout)

        def waits(name: str) -> tuple[str, ...] | None:
            waiting: tuple[str, ...] = runs.status(name).waits_for
            return waiting or None

        for name in ("o-3", "o-4"):
            facts[f"{name} waits for"] = shop.awaited(name, partial(waits, name))
            runs.answer(name, "approval", checkout.Approval("carol", yes=True), actor="carol")
            facts[f"{name} ended"] = shop.awaited(name, partial(ended, shop, name))
        for name in ("o-1", "o-2", "o-3", "o-4"):
            told = shop.awaited(f"the end of {name}", partial(over, runs, name))  # its last step comes before
            facts[name] = {"status": told.status, "done": told.done, "undone": told.undone}
        payments = at_work(session, import_module("payment"))
        facts["owed"] = payments.state("ann").owed
    facts["executions"] = until("the machine's ends", partial(executions, shop))
    facts["early"] = shop.called_again("timers", later_ring(recorder))
    facts["schedules"] = {
        name: shop.caught_up(name) for name in ("sequencer", "projector", "reactor", "archiver", "timers")
    }
    return facts


def over(runs: Any, name: str) -> Any:
    told = runs.status(name)
    return told if told.status in OVER else None


def executions(shop: Deployment) -> list[str] | None:
    """How they ended, once all have."""
    states = shop.cloud.client("stepfunctions")
    told = states.list_executions(stateMachineArn=shop.machine("checkout-v1"))["executions"]
    found = sorted(one["status"] for one in told)
    return None if "RUNNING" in found else found


def later_ring(recorder: Recorder) -> Any:
    """What a schedule of the reactor's will say in some days, said now."""
    asked = next(call for call in calls(recorder.seen) if call.operation == "CreateSchedule")
    return json.loads(asked.parameters["Target"]["Input"])
