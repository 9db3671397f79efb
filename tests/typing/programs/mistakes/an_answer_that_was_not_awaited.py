"""Without `await` there is no outcome yet, and perhaps never a command."""

import account
from account import Deposit
from bank import bank

from leftfold import aio


async def main() -> int:
    async with aio.open(bank, "sqlite:bank.db") as session:
        return session.category(account).handle("ann", Deposit(5)).version  # error
