"""A morning at the bank, told line by line: python program.py [URL], by default in memory.

On a file (`sqlite:bank.db`) a second run changes nothing: every command has an id, and an id counts once.
"""

import sys

import account
from account import Deposit, Open, Refused, Transfer, Withdraw
from bank import balances, bank, owners


def main(url: str) -> None:
    with bank.open(url) as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"), command_id="req-1", actor="teller-3")
        accounts.handle("ben", Open("Ben"), command_id="req-2", actor="teller-3")
        paid = accounts.handle("ann", Deposit(100_00), command_id="req-3", actor="teller-3")
        print(f"Ann's account is at version {paid.version}: {paid.state.balance / 100:.2f}")

        again = accounts.handle("ann", Deposit(100_00), command_id="req-3", actor="teller-3")
        print(f"The same request again: repeated is {again.repeated}, still {again.state.balance / 100:.2f}")

        try:
            accounts.handle("ben", Withdraw(500_00), command_id="req-4")
        except Refused as no:
            print(f"Ben may not withdraw 500.00: {no}")

        sent = accounts.handle("ann", Transfer("ben", 30_00), command_id="req-5", actor="ann")
        session.catch_up()  # views and reactions; `bank.run(url)` does it in the background
        print("After a transfer of 30.00:")
        for key in ("ann", "ben"):
            print(f"  {key} has {session.view(balances).get(key, after=sent.receipt) / 100:.2f}")
        rich = [key for key, _ in session.view(balances).find(cents=(50_00, None))]
        print(f"With 50.00 or more: {', '.join(rich)}; Ann owns {', '.join(session.view(owners).get('Ann').accounts)}")

        print("Why Ben has what he has:")
        for step in session.explain(balances, "ben").steps:
            print(f"  {step.event} {step.type} by {step.actor} (command {step.command_id}): {step.changes}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["memory:"])
