"""evolve returns a balance where the state is an Account."""

from account import Account, Open, Opened
from bank import session


class Counting:
    category = "counting"
    initial = Account()

    def decide(self, command: Open, state: Account) -> list[Opened]:
        return [Opened(command.owner)]

    def evolve(self, state: Account, event: Opened) -> int:
        return state.balance


counting = session.category(Counting())  # error
