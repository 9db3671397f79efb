"""`leftfold check` and workflows: versions that are gone, events that they await, clocks where history is folded."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct

from leftfold import App, Recorded, Workflow
from leftfold.adapters.memory import Memory
from leftfold.check import Finding, check
from leftfold.testing.sample_shop import Confirmed, Place, Placed, orders
from leftfold.workflows import Await


class Seen(Struct, frozen=True):
    number: int = 0


def key(event: Recorded[Placed]) -> str:
    return event.key


def asks_whose(event: Recorded[Placed]) -> str:
    return f"{event.key}-{time.time()}"


def noted(seen: Seen, event: Placed) -> Seen:
    return Seen(seen.number + 1)


def asks_when(seen: Seen, event: Placed) -> Seen:
    return Seen(int(time.time()))


def watch(version: int = 1, of: Any = key, evolve: Any = noted) -> Workflow[Seen]:
    steps = [Await("placed", key=of), Await("confirmed", key=lambda event: event.key, event=Confirmed)]
    return Workflow("watch", data=Seen, steps=steps, evolve=evolve, version=version)


def found(*workflows: Workflow[Seen]) -> dict[str, list[Finding]]:
    """What is found of a history in which the first version's run has taken one of the events that it awaits."""
    memory = Memory()
    began = watch()
    with App("shop", deciders=[orders], workflows=[began]).open(memory.open()) as session:
        session.workflow(began).start("o1", Seen())
        session.category(orders).handle("o1", Place(5))
        session.catch_up()
    findings: dict[str, list[Finding]] = {}
    with App("shop", deciders=[orders], workflows=workflows).open(memory.open()) as session:
        for one in check(session):
            findings.setdefault(one.code, []).append(one)
    return findings


def test_an_event_that_a_workflow_awaits_is_followed_and_said_where_there_is_none() -> None:
    findings = found(watch())
    unfollowed = [one.message.split()[0] for one in findings["unfollowed"]]
    assert not {"Placed", "Confirmed"} & set(unfollowed)
    assert [one.message for one in findings["unfed"]] == [
        "workflow 'watch' version 1 takes Confirmed, of which none is stored."
    ]
    assert findings.keys() <= {"unfed", "unfollowed"}


def test_a_clock_in_what_folds_a_workflow_or_says_whose_an_event_is_is_an_error() -> None:
    for impure, name in ((watch(evolve=asks_when), "asks_when"), (watch(of=asks_whose), "asks_whose")):
        (finding,) = found(impure)["impure-fold"]
        assert finding.level == "error"
        assert f"test_check.{name} reaches time.time" in finding.message


def test_open_runs_of_a_version_that_is_gone_are_an_error() -> None:
    (finding,) = found(watch(version=2))["run-version-gone"]
    assert "1 open runs of 'watch' follow version 1" in finding.message
    assert "run-version-gone" not in found(watch(), watch(version=2))
