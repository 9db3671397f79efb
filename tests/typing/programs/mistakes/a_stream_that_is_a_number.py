"""An ingest's stream is a text or a StreamId, not the device's number."""

from account import Deposited

from leftfold.ingest import Ingest


def by_amount(sample: Deposited) -> int:
    return sample.amount


def same(sample: Deposited) -> Deposited:
    return sample


readings = Ingest(  # error: pyright
    "readings",
    decode=Deposited,
    stream=by_amount,  # error
    to=same,
)
