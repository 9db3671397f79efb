"""What must be true of processes after a simulation: causes taken once, sends there once or refused, no timer early."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from leftfold.codec.envelope import Codec
from leftfold.core.events import Recorded
from leftfold.core.processes import sent_id
from leftfold.core.runs import Denied, Fired, Reacted, Took
from leftfold.core.schema import Schema
from leftfold.handling.sending import Outbox
from leftfold.processes.instances import Instances
from leftfold.processes.process import process_name
from leftfold.session import Session

Step = Recorded[Reacted]


def check_process(session: Session, name: str, history: list[Recorded[Any]]) -> None:
    """Raises AssertionError for the first promise that does not hold of this process."""
    streams: defaultdict[str, list[Step]] = defaultdict(list)
    for event in history:
        if isinstance(event.data, Reacted) and event.stream.category == name:
            streams[event.key].append(event)
    for steps in streams.values():
        check_steps(steps)
        check_timers(steps)
    letters = session.backend.dead.list(process_name(name), limit=10 * len(history) + 10)
    check_sends(name, streams, history, {letter.lane for letter in letters if letter.kind == "refused"})
    check_taken(session, name, streams, history)


def check_steps(steps: list[Step]) -> None:
    """No cause was taken twice, events in the order of the log, nothing after the end."""
    causes = Counter(_named(step.data) for step in steps)
    assert max(causes.values()) == 1, f"{steps[0].stream} took {causes.most_common(1)} times"
    positions = [step.data.cause.position for step in steps if isinstance(step.data.cause, Took)]
    assert positions == sorted(positions), f"{steps[0].stream} took events in the order {positions}"
    ends = [step.id for step in steps if step.data.status == "done"]
    assert ends in ([], [steps[-1].id]), f"{ends[0]} ended it, and it went on to {steps[-1].id}"


def _named(step: Reacted) -> tuple[Any, ...]:
    match step.cause:
        case Took(id_):
            return ("event", id_)
        case Fired(name, at, set_by):
            return ("due", name, at, set_by)
        case Denied(sent_by, index):
            return ("refused", sent_by, index)


def check_timers(steps: list[Step]) -> None:
    """A timer fired when it was set, for the time that it was set for, and not before."""
    ticking: dict[str, tuple[Any, int]] = {}
    for step in steps:
        cause = step.data.cause
        if isinstance(cause, Fired):
            assert ticking.get(cause.name) == (cause.at, cause.set_by), f"{step.id} fired {cause}; set were {ticking}"
            assert step.at >= cause.at, f"{step.id} fired at {step.at}, and was set for {cause.at}"
        for timer in step.data.timers:
            if timer.at is None:
                ticking.pop(timer.name, None)
            else:
                ticking[timer.name] = (timer.at, step.version)
        if isinstance(cause, Fired) and step.data.status == "running":
            assert ticking.get(cause.name) != (cause.at, cause.set_by), f"{step.id} fired {cause}, which is still set"


def check_sends(name: str, streams: dict[str, list[Step]], history: list[Recorded[Any]], noted: set[str]) -> None:
    """Each command of each step was appended, or heard of as refused: the one or the other."""
    appended = {event.meta.command_id for event in history}
    for steps in streams.values():
        refused = {
            (step.data.cause.sent_by, step.data.cause.index) for step in steps if isinstance(step.data.cause, Denied)
        }
        for step in steps:
            for index, sent in enumerate(step.data.sends):
                command_id = sent_id(name, step.id, index)
                there = command_id in appended
                heard = (step.version, index) in refused or f"sent:{command_id}" in noted
                assert there or heard, f"{sent.command} to {sent.to}/{sent.key}, which {step.id} sends, never arrived"
                assert not (there and heard), f"{sent.command}, which {step.id} sends, was done and called refused"


def check_taken(session: Session, name: str, streams: dict[str, list[Step]], history: list[Recorded[Any]]) -> None:
    """Each event that a process correlates is in its instance's memory, unless that was over."""
    schema: Schema = session.app.schema
    codec = Codec(schema, session.backend.tenant)
    versions = [process for process in session.app.processes if process.name == name]
    instances = Instances(versions, Outbox(session.app.deciders), codec)
    for event in history:
        for key, numbers in instances.keys(event):
            steps = streams.get(key, [])
            began = steps[0].data.version if steps else instances.newest
            over = bool(steps) and steps[-1].data.status == "done"
            took = [step.data.cause for step in steps if isinstance(step.data.cause, Took)]
            late = over and all(one.position < event.position for one in took)
            taken = any(one.id == event.id for one in took)
            assert taken or late or began not in numbers, f"{event.id} never came to {name}/{key}"
