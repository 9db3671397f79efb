"""The need of what deployed functions were not seen to use: the code that asks for it, let loose on the stand-in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import Random
from typing import Any

import pytest

from leftfold import App, Process, View
from leftfold.archive import Archiver
from leftfold.connect import open_alarms, open_objects, open_sequencers
from leftfold.ports.alarms import Alarm
from leftfold.ports.checkpoints import Move
from tests.deployed.calls import calls
from tests.deployed.deployment import ACCOUNT
from tests.deployed.wire import Recorder
from tests.grants import seldom
from tests.grants.asking import Asking
from tests.grants.seldom import SELDOM, Seldom
from tests.grants.till import Open, Opened, of, poisoned, react, remember, till, view
from tests.testbed.aws import Aws, leading_to

LANES = 120  # of 32 characters: over what a checkpoint's item holds
RESOURCES = (
    *(("Events", "-events"), ("Log", "-log"), ("Views", "-views"), ("LargeBodies", "/objects/")),
    *(("Segments", "/archive"), ("Rings", "-timers"), ("Machines", ":stateMachine:"), ("Names", "")),
)
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:prod-orders-checkout-v1"


@dataclass
class Stage:
    """A store of the test's own, whose calls are written down."""

    url: str
    bucket: str
    aws: Aws
    recorder: Recorder

    def asked(self) -> set[tuple[str, str]]:
        """Actions, and what they were asked of: a table's kind, or what stands for another resource."""
        asking = Asking(ACCOUNT, [MACHINE])
        found = {request for call in calls(self.recorder.seen) for request in asking.requests(call)}
        return {(next(of for of, end in RESOURCES if end in one.resource), one.action) for one in found}


@pytest.fixture
def stage(aws: Aws) -> Iterator[Stage]:
    bucket = f"{aws.prefix}objects"
    aws.client("s3").create_bucket(Bucket=bucket)
    with App("bank", deciders=[till]).open(aws.url("bank")):
        pass  # tables are made, by calls that no function makes
    with Recorder(str(aws.endpoint)) as recorder, leading_to(recorder.url("here")):
        yield Stage(f"dynamodb:bank?prefix={aws.prefix}&objects=s3:{bucket}/objects", bucket, aws, recorder)


def shop(*views: View[int]) -> App:
    return App("bank", deciders=[till], views=list(views))


def opened(state: int) -> list[Opened]:
    return [Opened("Ann")]


def large_commit(stage: Stage) -> None:
    chance = Random(7)
    events = [Opened(chance.randbytes(100_000).hex()) for _ in range(4)]
    with shop().open(stage.url) as session:
        session.category(till).transact("ann", lambda _: events)
    with shop().open(stage.url) as other:
        assert [one.data for one in other.category(till).events("ann")] == events


def again(stage: Stage) -> None:
    with shop().open(stage.url) as session:
        for name in ("o", "a", "b"):
            session.category(till).transact("ann", opened, command_id=name)
    with shop().open(stage.url) as other:
        assert other.category(till).transact("ann", opened, command_id="o").repeated


def many_lanes(stage: Stage) -> None:
    chance = Random(7)
    with shop(poisoned).open(stage.url) as session:
        names = [chance.randbytes(16).hex() for _ in range(LANES)]
        for name in names:
            session.category(till).handle(name, Open("Ann"))
        session.catch_up()
        session.category(till).handle("ann", Open("Ann"))
        session.catch_up()
    with shop(poisoned).open(stage.url) as other:
        assert other.view(poisoned).get(names[0], stale="allow").blocked_by


def replaced(stage: Stage) -> None:
    """A candidate that was folded, and one that was begun and never led."""
    for number, views in enumerate(([view()], [view(), view(2)], [view(), view(3)], [view(), view(4)])):
        with shop(*views).open(stage.url) as session:
            session.category(till).handle(f"a{number}", Open("Ann"))
            if number == 2:
                begun = session.builds["counts"].ensure().candidate or ""
                session.backend.checkpoints.move(Move(begun, 0, 1, None))
            else:
                session.catch_up()


def moved(stage: Stage) -> None:
    """The same view code, behind the end of an archive or without one."""
    with shop(view()).open(stage.url) as session:
        for _ in range(2):
            session.category(till).transact("ann", opened)
            session.catch_up()


def forgotten(stage: Stage) -> None:
    with shop().open(stage.url) as session:
        for _ in range(3):
            session.category(till).transact("ann", opened)
    sequencers = open_sequencers(stage.url)
    try:
        placing = sequencers.of("")
        assert placing.compare() == 3
        placing.place()
    finally:
        sequencers.close()
    with shop().open(stage.url) as session:
        session.category(till).transact("ann", opened)
        session.backend.log.place({"till/ann": 4})


def refused(stage: Stage) -> None:
    hoping = Process("hoping", initial=0, correlate=of, evolve=remember, react=react)
    with App("bank", deciders=[till], processes=[hoping]).open(stage.url) as session:
        session.category(till).handle("ann", Open("Ann"))
        session.catch_up()


def cold_archiver(stage: Stage) -> None:
    with shop().open(stage.url) as session:
        session.category(till).handle("ann", Open("Ann"))
        session.catch_up()
        objects = open_objects(f"s3:{stage.bucket}/archive")
        assert Archiver(session.backend, objects).seal(force=True).events == 1
        assert Archiver(session.backend, objects).seal().events == 0


def near_ring(stage: Stage) -> None:
    queue = stage.aws.client("sqs").create_queue(QueueName=f"{stage.aws.prefix}timers")["QueueUrl"]
    alarms, now = open_alarms(f"sqs:{stage.aws.prefix}timers"), datetime.now(UTC)
    alarms.set(Alarm("", "dunning/o-1", "overdue", now + timedelta(seconds=60)), now)
    alarms.close()
    stage.aws.client("sqs").delete_queue(QueueUrl=queue)


def answered(stage: Stage) -> None:
    """By the adapter: a token that nobody waits with is passed over."""
    machines: Any = import_module("leftfold.adapters.stepfunctions").open_states(MACHINE, region=None, endpoint=None)
    machines.succeed("token", json.loads("{}"))
    machines.close()


SCENES = {
    seldom.LARGE_COMMIT: large_commit,
    seldom.AGAIN: again,
    seldom.MANY_LANES: many_lanes,
    seldom.PARKED_ROW: many_lanes,
    seldom.REPLACED: replaced,
    seldom.MOVED: moved,
    seldom.FORGOTTEN: forgotten,
    seldom.REFUSED: refused,
    seldom.COLD_ARCHIVER: cold_archiver,
    seldom.NEAR_RING: near_ring,
    seldom.ANSWERED: answered,
}


@pytest.mark.parametrize("one", SELDOM, ids=str)
def test_what_is_seldom_used_is_needed(one: Seldom, stage: Stage) -> None:
    SCENES[one](stage)
    asked = {(sid.removesuffix("Rows").removesuffix("Table"), action) for sid, action in one.grants}
    assert asked - stage.asked() == set()
