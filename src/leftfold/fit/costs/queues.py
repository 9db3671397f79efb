"""SQS, standard queues.

Source: https://aws.amazon.com/sqs/pricing/: every call is a request, of up to 10 messages; each 64 KB of payload is billed
as one. A message costs at least a send, a receive and a delete; looking into an empty queue costs too.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import KB, steps

CHUNK: Final = 64 * KB
BATCH: Final = 10  # messages a call, at most
CALLS: Final = 3  # send, receive, delete


def messages(count: float, message_bytes: float, prices: Prices, what: str, *, together: float = 1.0) -> Line:
    """`count` messages a month, sent, received and deleted, `together` (at most 10) to a call."""
    if not 1 <= together <= BATCH:
        raise ValueError(f"{together} messages are no batch")
    carrying = (CALLS - 1) * steps(together * message_bytes, CHUNK)  # a delete carries no payload
    return prices.line("sqs.request", count / together * (carrying + 1), what)


def polls(count: float, prices: Prices, what: str) -> Line:
    """`count` receives a month that find nothing."""
    return prices.line("sqs.request", count, what)
