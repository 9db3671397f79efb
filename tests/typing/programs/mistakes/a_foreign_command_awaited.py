"""The facade is as strict as the session."""

import account
from bank import bank
from enrolment import Enrol

from leftfold import aio


async def main() -> None:
    async with aio.open(bank, "sqlite:bank.db") as session:
        await session.category(account).handle("ann", Enrol("c1", "ann"))  # error
