"""decide looks at a balance where evolve folds an Account."""

from account import Account, Open, Opened
from bank import session


class Counting:
    category = "counting"
    initial = Account()

    def decide(self, command: Open, state: int) -> list[Opened]:
        return [Opened(command.owner)]

    def evolve(self, state: Account, event: Opened) -> Account:
        return Account(state.balance, is_open=True)


counting = session.category(Counting())  # error
