"""The async facade infers what the session does."""

from typing import assert_type

import account
import enrolment
from account import Account, Command, Deposit, Deposited, Event
from bank import Owner, balances, bank, owners
from enrolment import Enrol, Enrolled, Places

from leftfold import Outcome, Recorded, aio
from leftfold.projections.reading import Reading


async def main() -> None:
    async with aio.open(bank, "sqlite:bank.db", tenant="acme") as session:
        accounts = session.category(account)
        assert_type(accounts, aio.AsyncCategory[Command, Account, Event])
        outcome = await accounts.handle("ann", Deposit(5), command_id="req-7", once="forever")
        assert_type(outcome, Outcome[Account, Event])
        assert_type(await accounts.transact("ann", lambda state: [Deposited(state.balance)]), Outcome[Account, Event])
        assert_type([one async for one in accounts.events("ann")], list[Recorded[Event]])
        assert_type(await session.category(enrolment).handle(Enrol("c1", "s7")), Outcome[Places, Enrolled])
        assert_type(await session.view(balances).get("ann", after=outcome.receipt, wait_s=2), int)
        assert_type(await session.view(balances).get("ann", stale="allow"), Reading[int])
        assert_type([one async for one in session.view(owners).find(accounts=1)], list[tuple[str, Owner]])
        assert_type([one async for one in session.log()], list[Recorded[object]])
