"""One try of one step: it is called, what it wants to send is recorded, then sent, and how it ended is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Conflict, Contention, Rejected, StoreUnavailable
from leftfold.core.processes import Send, sent_id
from leftfold.core.runs import Sent
from leftfold.core.workflow_runs import Direction, Outcome, Result, RunEvent, RunState, Sending
from leftfold.core.workflows import Attempt, Step, Workflow
from leftfold.handling.sending import Deliver, Outbox, Refusal
from leftfold.workflows.journal import Journal, taken_back, track_of, workflow_name
from leftfold.workflows.reading import Run

ID_BYTES: Final = 255  # what outside services take as idempotency key; longer ids are hashed
MAX_ANSWERS: Final = 10  # a refusal that ten times in a row was out of date when it was to be recorded: come back later


class _SettledMeanwhile(Exception):
    """Somebody else has recorded how the step ended."""


class Post(Struct, frozen=True):
    """How commands are recorded, and how they are handled."""

    outbox: Outbox
    deliver: Deliver


class Try:
    """One try. `scope` names the app and the tenant in the ids that outside services get."""

    def __init__(
        self, journal: Journal, post: Post, scope: str, run: Run, step: Step[Any], direction: Direction
    ) -> None:
        self._journal, self._post, self._scope, self._run = journal, post, scope, run
        self._step, self._name = step, step.name
        self._direction: Direction = direction
        self._workflow: Workflow[Any] = journal.versions.of(run)

    def make(self) -> None:
        """Do all of it. Raises the store's trouble, and what the workflow's evolve raises; all else is recorded."""
        before = track_of(self._run.state, self._name, self._direction)
        sends, result = before.sends, None
        if not sends:
            upto = self._name if self._direction == "do" else None
            data = self._journal.versions.data(self._workflow, self._run.state, upto)
            called = attempt(self._call, data, before.tried + 1)
            if isinstance(called, Failed):  # a refusal after a try of unknown effect doesn't say that there was none
                return self._failed(called, isinstance(called.error, self._workflow.refused), before.tried > 0)
            sends, result = called
            if sends and not self._announce(sends):
                return None  # somebody else is at it
        if all(self._send(index, sent) for index, sent in enumerate(sends)):
            self._journal.settle(self._run, self._name, self._direction, result=result)

    def _send(self, index: int, sent: Sent) -> bool:
        """Send one command. False when with it the step has come to another end, or had come there by somebody else.

        That the step is still open is asked for after the target was read, and a refusal is recorded only while the target
        is as it was: so of two workers who send the same, one can't record a refusal while the other is not refused.
        """
        for _ in range(MAX_ANSWERS):
            sending = attempt(self._deliver, index, sent)
            if sending is None:
                return True
            if not isinstance(sending, Failed):
                if self._refused(sending, partly=index > 0):
                    return False
            elif isinstance(sending.error, StoreUnavailable | Contention):
                raise sending.error
            else:
                if not isinstance(sending.error, _SettledMeanwhile):
                    self._failed(sending, isinstance(sending.error, Rejected), index > 0)
                return False
        raise Contention(f"{sent.to}/{sent.key}", 0, 0)

    def _refused(self, refusal: Refusal, *, partly: bool) -> bool:
        """Record a refusal. False when the target has moved on since: it may be answered differently now."""
        try:
            self._failed(Failed(refusal.error), True, partly, refusal.seen)
        except Contention:
            raise
        except Conflict:
            return False
        return True

    def _call(self, data: object, number: int) -> tuple[tuple[Sent, ...], Result | None]:
        """What the step wants to send, or its result, both as they will be recorded."""
        step, deadline = self._step, None
        if step.timeout_s is not None:
            deadline = self._journal.clock.now() + timedelta(seconds=step.timeout_s)
        function = step.do if self._direction == "do" else step.undo
        assert function is not None  # a step without undo is never undone
        returned = step.call(function, data, Attempt(self._outside_id(), number, deadline))
        sends = _sends(returned)
        if sends is not None:
            return tuple(self._post.outbox.pack(one) for one in sends), None
        if self._direction == "undo":
            raise ConfigError(
                f"undo of step {step.name!r} returned {type(returned).__name__}: return commands, or None."
            )
        return (), self._journal.versions.result(self._workflow, returned)

    def _announce(self, sends: tuple[Sent, ...]) -> bool:
        """Record what will be sent: from here on the code has no say in it."""
        name, direction = self._name, self._direction
        before = track_of(self._run.state, name, direction)
        event = Sending(name, direction, sends, "running", 0, taken_back(name, direction, before))

        def make(state: RunState) -> RunEvent | None:
            return event if track_of(state, name, direction) == before else None

        return self._journal.append(self._run, make)

    def _failed(self, failed: Failed, refused: bool, maybe_done: bool, guards: dict[str, int] | None = None) -> None:
        """Record that the try failed. A refused step had no effect, unless a part of it, or an earlier try, may have had."""
        retry, tried = self._step.retry, track_of(self._run.state, self._name, self._direction).tried + 1
        outcome: Outcome = "given_up"
        until = None
        if refused and not maybe_done:
            outcome = "refused"
        elif not refused and tried < retry.times and isinstance(failed.error, retry.on):
            outcome = "again"
            until = self._journal.clock.now() + timedelta(seconds=retry.pause_s(tried))
        name, direction = self._name, self._direction
        self._journal.settle(self._run, name, direction, outcome, error=str(failed), until=until, guards=guards)

    def _deliver(self, index: int, sent: Sent) -> Refusal | None:
        actor, open_still = workflow_name(self._workflow.name), track_of(self._run.state, self._name, self._direction)
        command_id = self._command_id(actor, index, sent)

        def before() -> None:
            now = self._journal.load(self._run.id)
            if track_of(now.state, self._name, self._direction) != open_still:
                raise _SettledMeanwhile

        cause = self._run.sent[self._name, self._direction]
        return self._post.deliver(self._post.outbox.unpack(sent), cause, command_id, actor=actor, before=before)

    def _command_id(self, actor: str, index: int, sent: Sent) -> str:
        """The same at each try. An undo that is retried is asked anew: its commands are known by what they are."""
        whence = f"{self._run.id}:{self._name}:{self._direction}"
        if self._direction == "do":
            return sent_id(actor, whence, index)
        digest = hashlib.sha256(msgspec.json.encode(sent)).hexdigest()
        before = track_of(self._run.state, self._name, "undo").sends[:index]
        return sent_id(actor, f"{whence}:{digest}", before.count(sent))

    def _outside_id(self) -> str:
        """The same at each try, and no other step's: of this run, this workflow, this tenant, this app."""
        what = self._name if self._direction == "do" else f"{self._name}:undo"
        plain = f"{self._scope}/{self._workflow.name}/{self._run.id}:{what}"
        if len(plain.encode()) <= ID_BYTES:
            return plain
        return f"{self._workflow.name}:{hashlib.sha256(plain.encode()).hexdigest()}:{what}"


def _sends(returned: object) -> Sequence[Send] | None:
    """The commands that a step returned, none for None; None for a result."""
    if returned is None:
        return ()
    if isinstance(returned, Send):
        return (returned,)
    if isinstance(returned, list | tuple) and all(isinstance(one, Send) for one in cast("Sequence[object]", returned)):
        return cast("Sequence[Send]", returned)
    return None
