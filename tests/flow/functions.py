"""The functions of the flow, as AWS would load them: this module, in a process of its own for each."""

from __future__ import annotations

import base64
import os
from typing import Any

from bank import balances, owners
from town import HANDLED, HEARD, bank_to, club, keep

from leftfold.inbox import Inbox
from leftfold.lambdas import commands, inbound, projector, publisher, queries, reactor, sequencer

bank = bank_to(os.environ["BUS"], os.environ["STREAM"])

handle_commands = commands(bank)
handle_queries = queries(bank)
sequence = sequencer(bank)
project_balances = projector(bank, views=[balances])
project_owners = projector(bank, views=[owners])
react = reactor(bank)
publish = publisher(bank)
hear = inbound(club, accept=HEARD)

_inbox: list[Inbox] = []


def consume(event: Any, context: Any) -> None:
    if not _inbox:
        _inbox.append(Inbox(os.environ["CONSUMER"], name="town", schema=[HANDLED]))
    for record in event["Records"]:
        _inbox[0].take(base64.b64decode(record["kinesis"]["data"]), keep)
