"""Every handler, driven by the sample of every trigger, and by all that can be wrong with those it is for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, LeftfoldError, Recorded, Send, View, send
from leftfold.adapters.folder import Folder
from leftfold.adapters.inprocess import InProcess
from leftfold.adapters.memory import Memory
from leftfold.core.attempt import Failed, attempt
from leftfold.ingest import Ingest
from leftfold.lambdas import (
    archiver,
    commands,
    inbound,
    ingest,
    projector,
    publisher,
    queries,
    reactor,
    sequencer,
    timers,
)
from leftfold.lambdas.container import Handler
from leftfold.lambdas.shapes import kind_of
from leftfold.publish import Publish
from leftfold.testing.sample import Deposit, Event, Open, Opened, account, balance, credit
from tests.lambdas.conftest import Shelf, Told
from tests.lambdas.malformed import HUGE, broken, junk, poisoned
from tests.lambdas.samples import NAMES, sample
from tests.testbed.aws import Aws
from tests.timers.clocks import tower


class Reading(Struct, frozen=True):
    device: str
    celsius: float


class Measured(Struct, frozen=True):
    celsius: float


class Announced(Struct, frozen=True):
    owner: str


def device(reading: Reading) -> str:
    return f"device/{reading.device}"


def measured(reading: Reading) -> Measured:
    return Measured(reading.celsius)


def announced(event: Recorded[Opened]) -> Announced:
    return Announced(event.data.owner)


def welcome(event: Announced) -> Send:
    return send(account, "bonus", Deposit(1))


def row(cents: int, event: Event) -> int | None:
    return balance(cents, event)


bus = InProcess("bus")
bank = App(
    "bank",
    deciders=[account],
    views=[View("balances", initial=0, evolve=row)],
    reactions=[credit],
    ingest=[Ingest("readings", decode=Reading, stream=device, to=measured)],
    publish=[Publish(Opened, to=bus, as_=announced)],
)

Made = Callable[..., Handler]
STREAMS = ("dynamodb", "kinesis", "schedule", "direct")
HANDLERS: dict[str, tuple[Made, tuple[str, ...]]] = {
    "commands": (commands, ("http", "sqs", "direct")),
    "queries": (queries, ("http", "direct")),
    "projector": (projector, STREAMS),
    "reactor": (reactor, STREAMS),
    "publisher": (publisher, STREAMS),
    "ingest": (ingest, ("kinesis",)),
    "inbound": (lambda app, **options: inbound(app, accept={"account.opened": welcome}, **options), ("eventbridge",)),
    "archiver": (archiver, ("schedule",)),
    "timers": (lambda app, **options: timers(tower, **options), ("sqs", "schedule", "direct")),
}


class Bench:
    """One handler over a small bank in memory."""

    def __init__(self, name: str, tmp_path: Path) -> None:
        self.shelf, self.told = Shelf(), Told()
        self.backend = Memory().open("")
        with bank.open(self.backend) as session:
            session.category(account).handle("ann", Open("Ann"))
        more = {"archive": Folder(tmp_path)} if name == "archiver" else {}
        made, self.kinds = HANDLERS[name]
        self.handler = made(bank, store=self.backend, aside=self.shelf, write=self.told.write, **more)

    def call(self, event: Any) -> Any:
        return json.loads(json.dumps(self.handler(event, None)))


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_takes_its_samples_and_refuses_the_others_loudly(name: str, tmp_path: Path) -> None:
    bench = Bench(name, tmp_path)
    taken = 0
    for one in NAMES:
        event = sample(one)
        said = attempt(bench.call, event)
        if isinstance(said, Failed):
            assert isinstance(said.error, ConfigError), one
            assert kind_of(event) not in bench.kinds, one
        else:
            taken += 1
    assert taken >= len(bench.kinds)
    assert not bench.told.logs("a request failed")


@pytest.mark.parametrize("name", [name for name in HANDLERS if name != "archiver"])  # which looks at no event
def test_a_wrong_shape_is_told_counted_and_kept_and_never_a_fault(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    bench, tried = Bench(name, tmp_path), 0
    for one in NAMES:
        event = sample(one)
        if kind_of(event) not in bench.kinds:
            continue
        for what, wrong in poisoned(event) if "Records" in event else broken(event):
            if kind_of(wrong) not in bench.kinds:
                continue  # another source's: told loudly, above
            tried += 1
            answer = bench.call(wrong)
            if isinstance(answer, dict) and "Records" in event:
                assert answer.get("batchItemFailures", []) == [], (one, what)
    assert tried > 100
    told, kept = bench.told, len(bench.shelf.kept)
    assert told.count("faults") == 0
    assert HUGE not in "".join(told.lines)
    aside = told.count("records_set_aside")
    assert aside >= kept  # a record that comes again is one object
    assert len(told.logs("set aside")) + len(told.logs("could not be taken")) >= kept
    record_property(
        "figure", f"{name}: {tried} broken events, {aside:.0f} records set aside in {kept} objects, no fault"
    )


@pytest.mark.parametrize("name", HANDLERS)
def test_junk_never_ends_in_an_error_that_is_not_ours(name: str, tmp_path: Path) -> None:
    bench = Bench(name, tmp_path)
    for what, event in junk():
        said = attempt(bench.call, event)
        if isinstance(said, Failed):
            assert isinstance(said.error, LeftfoldError), what
            assert kind_of(event) not in bench.kinds, what


def test_the_sequencer_takes_the_table_s_stream_and_survives_what_is_wrong_with_it(aws: Aws) -> None:
    shelf, told = Shelf(), Told()
    url = aws.url("bank")
    with bank.open(url) as session:
        session.category(account).handle("ann", Open("Ann"))
    handler = sequencer(bank, store=url, aside=shelf, write=told.write)
    variants = list(poisoned(sample("dynamodb_stream")))
    for what, event in variants[::20]:
        assert handler(event, None) == {"batchItemFailures": []}, what
    assert told.count("faults") == 0
    assert told.count("records_set_aside") > 0
