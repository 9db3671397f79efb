"""The event is made of an Account; what is read is a Deposited."""

from account import Account, Deposited

from leftfold.ingest import Ingest


def by_amount(sample: Deposited) -> str:
    return f"account/{sample.amount}"


def opened(sample: Account) -> Deposited:
    return Deposited(sample.balance)


readings = Ingest(  # error: pyright
    "readings",
    decode=Deposited,
    stream=by_amount,
    to=opened,  # error
)
