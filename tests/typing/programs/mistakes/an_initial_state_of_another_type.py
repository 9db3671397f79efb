"""The fold would start from an int and go on with an Account."""

from account import Account, Open, Opened
from bank import session


class Counting:
    category = "counting"
    initial = 0

    def decide(self, command: Open, state: Account) -> list[Opened]:
        return [Opened(command.owner)]

    def evolve(self, state: Account, event: Opened) -> Account:
        return Account(state.balance, is_open=True)


counting = session.category(Counting())  # error
