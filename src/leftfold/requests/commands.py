"""Commands by name: category, key, the command's class name and its JSON become a call of the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from leftfold.app import App
from leftfold.category import AnyCategory, BoundaryCategory, Notes
from leftfold.codec.decoders import decoder_of
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Once, Outcome
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError
from leftfold.core.schema import command_types
from leftfold.handling.decide import Expected
from leftfold.requests.problems import Kind, Problem, judge, misfit, unknown, wrong
from leftfold.session import Session
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import SILENT, Telemetry
from leftfold.telemetry.metrics import Metric
from leftfold.telemetry.traces import traceparent

BODY_BYTES: Final = 1024 * 1024  # four times the largest event: what a command holds, its events hold too


COUNTED: Final[dict[Kind, Metric]] = {
    "refused": metrics.COMMANDS_REFUSED,
    "rejected": metrics.COMMANDS_REJECTED,
    "unknown": metrics.COMMANDS_REJECTED,
    "conflict": metrics.COMMANDS_CONFLICTED,
    "stale": metrics.QUERIES_STALE,
    "unavailable": metrics.UNAVAILABLE,
}  # a fault is counted where it comes out: it may be raised


class Asked(Struct, frozen=True, omit_defaults=True):
    """One command as JSON says it: on a queue, in a direct call. `key` is null where the decider's boundary says it."""

    category: str
    command: str
    key: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    command_id: str | None = None
    expected: Expected = "any"
    once: Once = "stream"
    actor: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None

    def notes(self) -> Notes:
        """What is kept beside the events."""
        return Notes(
            command_id=self.command_id,
            once=self.once,
            expected=self.expected,
            actor=self.actor,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            traceparent=self.traceparent,
        )


class Done(Struct, frozen=True):
    """What came of a command, as JSON says it. Events are `{"type": ..., "data": {...}}`."""

    events: list[dict[str, Any]]
    version: int
    receipt: str
    repeated: bool = False


class Failure(Struct, frozen=True):
    """A command that came to nothing: what its caller is told, and what was raised."""

    problem: Problem
    error: Exception


class Taken:
    """One decider and the classes of its commands by name."""

    def __init__(self, decider: Decider[Any, Any, Any]) -> None:
        self.decider = decider
        self.refusals: tuple[type[Exception], ...] = tuple(getattr(decider, "refusals", ()))
        self.classes: dict[str, type] = {}
        for one in command_types(decider):
            if self.classes.setdefault(one.__name__, one) is not one:
                raise ConfigError(f"two commands of {decider.category!r} are called {one.__name__!r}: rename one.")
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}

    def decode(self, name: str, data: bytes) -> Any:
        """The command. Raises Refusal for an unknown name, for what is no JSON (400) or not of its class (422)."""
        found = self.classes.get(name)
        if found is None:
            raise unknown("command", name, self.classes)
        if len(data) > BODY_BYTES:
            raise wrong(413, f"the command is {len(data):,} bytes; the limit is {BODY_BYTES:,}.", limit=BODY_BYTES)
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = decoder_of(found)
        try:
            return decoder.decode(data)
        except msgspec.ValidationError as error:
            raise misfit(error) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise wrong(400, f"the body is no JSON: {error}.") from None


class Commands:
    """An app's commands by name. A workflow's one command is its data, which begins a run."""

    def __init__(self, app: App, telemetry: Telemetry = SILENT) -> None:
        self._app, self._telemetry = app, telemetry
        self._taken = {one.category: Taken(one) for one in (*app.deciders, *app.workflows)}  # of versions, the newest

    def of(self, category: str) -> Taken:
        """Raises Refusal, with a suggestion, for a category that is none."""
        found = self._taken.get(category)
        if found is None:
            raise unknown("category", category, self._taken)
        return found

    def trace(self, given: str | None) -> str | None:
        """A caller's `traceparent`. One that is none is dropped, and counted."""
        trace = traceparent(given)
        if given is not None and trace is None:
            self._telemetry.count(metrics.TRACES_DROPPED)
        return trace

    def answer(self, session_of: Callable[[], Session], asked: Asked) -> Done | Failure:
        """What came of a command. Nothing is raised."""
        said = attempt(self._handle, session_of, asked)
        if isinstance(said, Failed):
            taken = self._taken.get(asked.category)
            told = judge(said.error, taken.refusals if taken else ())
            if told.kind in COUNTED:
                self._telemetry.count(COUNTED[told.kind])
            return Failure(told, said.error)
        self._telemetry.count(metrics.EVENTS_APPENDED, 0 if said.repeated else len(said.events))
        if said.repeated:
            self._telemetry.count(metrics.COMMANDS_REPEATED)
        names = self._app.schema.names
        events = [{"type": names[type(event)], "data": event} for event in said.events]
        return Done(events, said.version, str(said.receipt), said.repeated)

    def _handle(self, session_of: Callable[[], Session], asked: Asked) -> Outcome[Any, Any]:
        taken = self.of(asked.category)
        command = taken.decode(asked.command, bytes(asked.data))
        category = cast("AnyCategory", session_of().category(taken.decider))
        if isinstance(category, BoundaryCategory):
            if asked.key is not None:
                raise wrong(422, f"{asked.category!r} takes no key: its boundary says where it belongs.", field="key")
            return category.handle(command, **asked.notes())
        if asked.key is None:
            raise wrong(422, f"{asked.category!r} needs a key: which one?", field="key")
        return category.handle(asked.key, command, **asked.notes())
