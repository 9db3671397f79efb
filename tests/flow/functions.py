"""The functions of the flow, as AWS would load them: this module, in a process of its own for each."""

from __future__ import annotations

import base64
import os
from typing import Any

from bank import balances, owners
from town import HEARD, bank_to, club

from leftfold.inbox import Inbox, Incoming
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

SCHEMA = """CREATE TABLE IF NOT EXISTS handled (
    number INTEGER PRIMARY KEY, stream TEXT, version INTEGER, type TEXT, event TEXT, correlation TEXT, trace TEXT)"""
_inbox: list[Inbox] = []


def keep(event: Incoming[Any], sql: Any) -> None:
    """The consumer's work, in its own tables: a plain INSERT, which would show what came twice."""
    sql.execute(
        "INSERT INTO handled (stream, version, type, event, correlation, trace) VALUES (?, ?, ?, ?, ?, ?)",
        (event.stream, event.version, event.type, event.id, event.correlation_id, event.traceparent),
    )


def consume(event: Any, context: Any) -> None:
    if not _inbox:
        _inbox.append(Inbox(os.environ["CONSUMER"], name="town", schema=[SCHEMA]))
    for record in event["Records"]:
        _inbox[0].take(base64.b64decode(record["kinesis"]["data"]), keep)
