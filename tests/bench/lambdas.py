"""Rows n: what a Lambda handler costs before its first call, and what it adds to each.

The cold rows start a fresh interpreter for each handler with an app of 100 event types, a view, a reaction, an ingest and a
rule of publishing; boto3 is apart. The warm rows call handlers over a store in memory, so that the store costs little:
their floor is the same work on the session, by a handler written by hand.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from leftfold import App, View
from leftfold.adapters.memory import Memory
from leftfold.ingest import Ingest
from leftfold.lambdas import commands, ingest, projector, queries
from leftfold.lambdas.container import Handler
from tests.bench import account, cold
from tests.bench.account import Deposit, Event, Fill, Open
from tests.bench.measure import Contender, Reading, Stopwatch, check
from tests.bench.rows import LAMBDAS

HANDLERS: Final = {name: f"{name}(app)" for name in LAMBDAS} | {
    "inbound": "inbound(app, accept={'moved': moved})",
    "replayer": "replayer(app)",
    "tasks": "tasks(app)",
    "timers": "timers(app)",
}
BARE: Final = """\
import json, typing
import domain
types = {kind.__name__: kind for kind in typing.get_args(domain.Event)}
def handler(event, context): return types[event["type"]](**json.loads(event["body"]))
"""
PROGRAM: Final = """\
from leftfold import App, Recorded, Send, View, send
from leftfold.ingest import Ingest
from leftfold.lambdas import {name}
from leftfold.publish import Publish
import domain

def total(row: int, event: domain.Event) -> int: return row + event.amount
def again(event: Recorded[domain.Happened1]) -> list[Send]: return [send(domain, event.key, domain.Do(1))]
def device(event: domain.Happened2) -> str: return "wide/a"
def same(event: domain.Happened2) -> domain.Happened2: return event
def moved(event: domain.Happened4) -> Send: return send(domain, "a", domain.Do(1))
def public(event: Recorded[domain.Happened3]) -> domain.Happened4: return domain.Happened4(1)

app = App(
    "wide",
    deciders=[domain],
    views=[View("totals", initial=0, evolve=total)],
    reactions=[again],
    ingest=[Ingest("readings", decode=domain.Happened2, stream=device, to=same)],
    publish=[Publish(domain.Happened3, to="eventbridge:bus", as_=public)],
)
handler = {factory}
"""


def program(name: str) -> str:
    """A Lambda file of one handler, and its app."""
    return PROGRAM.format(name=name, factory=HANDLERS[name])


def cold_handler(n: int, folder: Path, *, name: str) -> Reading:
    return cold.ready(n, folder, program(name))


def cold_floor(n: int, folder: Path) -> Reading:
    """json, 100 Structs in a table, and a function: the least that a handler of the same types is made of."""
    return cold.ready(n, folder, BARE)


def balance(cents: int, event: Event) -> int:
    return cents + getattr(event, "amount", 0)


class Sent(Struct, frozen=True):
    device: str
    value: int


class Measured(Struct, frozen=True):
    value: int


def measured(sent: Sent) -> Measured:
    return Measured(sent.value)


readings = Ingest("readings", decode=Sent, stream=lambda sent: f"device/{sent.device}", to=measured)
balances = View("balances", initial=0, evolve=balance)
bank = App("bank", deciders=[account], views=[balances], ingest=[readings])

REQUEST: Final = {
    "version": "2.0",
    "rawPath": "/commands/account/ann/Deposit",
    "rawQueryString": "",
    "headers": {"content-type": "application/json", "host": "x.execute-api.eu-west-1.amazonaws.com"},
    "requestContext": {"http": {"method": "POST", "path": "/commands/account/ann/Deposit"}, "stage": "$default"},
    "body": '{"amount": 1}',
    "isBase64Encoded": False,
}
MESSAGES: Final = 10  # of one delivery: Lambda's default for SQS
RECORDS: Final = 100  # of one delivery: Lambda's default for Kinesis
DEVICES: Final = 10


class Desk:
    """A store in memory, a handler before it, and a session to look in."""

    def __init__(self, factory: Callable[..., Handler]) -> None:
        self.backend = Memory().open("")
        self.handler = factory(bank, store=self.backend, write=lambda line: None)
        self.session = bank.open(self.backend)
        self.accounts = self.session.category(account)
        self.accounts.handle("ann", Open("Ann"))

    def balance(self) -> int:
        return bank.open(self.backend).category(account).state("ann").balance


def web_command(n: int, folder: Path) -> Reading:
    desk = Desk(commands)
    with Stopwatch() as watch:
        for _ in range(n):
            answer = desk.handler(REQUEST, None)
    check("status", answer["statusCode"], 200)
    check("cents", desk.balance(), n)
    return watch.per(n)


def web_command_by_hand(n: int, folder: Path) -> Reading:
    desk = Desk(commands)

    def handler(event: Any) -> dict[str, Any]:
        _, _, _, key, _ = event["rawPath"].split("/")
        outcome = desk.accounts.handle(key, Deposit(**json.loads(event["body"])))
        body = {"version": outcome.version, "receipt": outcome.receipt}
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}

    with Stopwatch() as watch:
        for _ in range(n):
            answer = handler(REQUEST)
    check("status", answer["statusCode"], 200)
    check("cents", desk.balance(), n)
    return watch.per(n)


def deliveries(n: int) -> list[dict[str, Any]]:
    body = json.dumps({"category": "account", "key": "ann", "command": "Deposit", "data": {"amount": 1}})
    return [
        {
            "Records": [
                {"messageId": f"m{start + i}", "body": body, "attributes": {}, "eventSource": "aws:sqs"}
                for i in range(MESSAGES)
            ]
        }
        for start in range(0, n, MESSAGES)
    ]


def queued_commands(n: int, folder: Path) -> Reading:
    desk, events = Desk(commands), deliveries(n)
    with Stopwatch() as watch:
        for event in events:
            answer = desk.handler(event, None)
    check("failures", answer, {"batchItemFailures": []})
    check("cents", desk.balance(), len(events) * MESSAGES)
    return watch.per(len(events) * MESSAGES)


def queued_commands_by_hand(n: int, folder: Path) -> Reading:
    desk, events = Desk(commands), deliveries(n)
    with Stopwatch() as watch:
        for event in events:
            for record in event["Records"]:
                asked = json.loads(record["body"])
                desk.accounts.handle(asked["key"], Deposit(**asked["data"]), command_id=record["messageId"])
    check("cents", desk.balance(), len(events) * MESSAGES)
    return watch.per(len(events) * MESSAGES)


def web_query(n: int, folder: Path) -> Reading:
    desk, row = Desk(queries), "/views/balances/ann"
    desk.session.catch_up()
    request = REQUEST | {"rawPath": row, "requestContext": {"http": {"method": "GET", "path": row}}, "body": None}
    with Stopwatch() as watch:
        for _ in range(n):
            answer = desk.handler(request, None)
    check("row", json.loads(answer["body"])["row"], 0)
    return watch.per(n)


def web_query_by_hand(n: int, folder: Path) -> Reading:
    desk = Desk(queries)
    desk.session.catch_up()
    view = desk.session.view(balances)
    with Stopwatch() as watch:
        for _ in range(n):
            body = json.dumps({"key": "ann", "row": view.get("ann")})
    check("row", json.loads(body)["row"], 0)
    return watch.per(n)


def filled(factory: Callable[..., Handler], events: int) -> Desk:
    desk = Desk(factory)
    desk.accounts.handle("ann", Fill(events))
    return desk


def woken_projector(n: int, folder: Path) -> Reading:
    """One call, in which the handler folds all that there is: a page of 500 after another."""
    desk = filled(projector, n)
    with Stopwatch() as watch:
        desk.handler({}, None)
    check("cents", desk.session.view(balances).get("ann"), n)
    return watch.per(n)


def catching_up(n: int, folder: Path) -> Reading:
    desk = filled(projector, n)
    with Stopwatch() as watch:
        desk.session.catch_up()
    check("cents", desk.session.view(balances).get("ann"), n)
    return watch.per(n)


def records(n: int) -> list[dict[str, Any]]:
    def one(number: int) -> dict[str, Any]:
        sequence = str(49590338271490256608559692538361571095921575989136588898 + number)
        data = json.dumps({"device": f"d{number % DEVICES}", "value": number}).encode()
        kinesis = {
            "sequenceNumber": sequence,
            "partitionKey": f"d{number % DEVICES}",
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_768_248_931.1 + number / 1000,
        }
        return {"kinesis": kinesis, "eventSource": "aws:kinesis", "eventID": f"shardId-000000000000:{sequence}"}

    return [{"Records": [one(start + i) for i in range(RECORDS)]} for start in range(0, n, RECORDS)]


def ingested(n: int, folder: Path) -> Reading:
    desk, events = Desk(ingest), records(n)
    with Stopwatch() as watch:
        for event in events:
            answer = desk.handler(event, None)
    check("failures", answer, {"batchItemFailures": []})
    check("events", desk.session.backend.log.end(), len(events) * RECORDS + 1)
    return watch.per(len(events) * RECORDS)


OURS: Final[dict[str, Contender]] = {
    **{f"n.{name}": partial(cold_handler, name=name) for name in HANDLERS},
    "n.http": web_command,
    "n.sqs": queued_commands,
    "n.query": web_query,
    "n.fold": woken_projector,
    "n.records": ingested,
}
FLOORS: Final[dict[str, Contender]] = {
    "n.commands": cold_floor,  # the same for all
    "n.http": web_command_by_hand,
    "n.sqs": queued_commands_by_hand,
    "n.query": web_query_by_hand,
    "n.fold": catching_up,
}
