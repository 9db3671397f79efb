"""Commands by name: category, key, the command's class name and its JSON become a call of the session."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from leftfold.app import App
from leftfold.category import AnyCategory, BoundaryCategory, Notes
from leftfold.core.annotations import members, parameter
from leftfold.core.commits import Once, Outcome
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError
from leftfold.handling.decide import Expected
from leftfold.requests.problems import Kind, misfit, unknown, wrong
from leftfold.session import Session
from leftfold.telemetry import metrics
from leftfold.telemetry.metrics import Metric

BODY_BYTES: Final = 1024 * 1024  # four times the largest event: what a command holds, its events hold too


COUNTED: Final[dict[Kind, Metric]] = {
    "refused": metrics.COMMANDS_REFUSED,
    "rejected": metrics.COMMANDS_REJECTED,
    "unknown": metrics.COMMANDS_REJECTED,
    "conflict": metrics.COMMANDS_CONFLICTED,
    "stale": metrics.QUERIES_STALE,
    "unavailable": metrics.UNAVAILABLE,
    "fault": metrics.FAULTS,
}


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


class Taken:
    """One decider and the classes of its commands by name."""

    def __init__(self, decider: Decider[Any, Any, Any]) -> None:
        self.decider = decider
        self.refusals: tuple[type[Exception], ...] = tuple(getattr(decider, "refusals", ()))
        self.bounded = hasattr(decider, "boundary")
        self.classes: dict[str, type] = {}
        for one in members(parameter(decider.decide, 0)):
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
            decoder = self._decoders[name] = msgspec.json.Decoder(found)
        try:
            return decoder.decode(data)
        except msgspec.ValidationError as error:
            raise misfit(error) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise wrong(400, f"the body is no JSON: {error}.") from None


class Commands:
    """An app's commands by name."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._taken = {decider.category: Taken(decider) for decider in app.deciders}

    def of(self, category: str) -> Taken:
        """Raises Refusal, with a suggestion, for a category that is none."""
        found = self._taken.get(category)
        if found is None:
            raise unknown("category", category, self._taken)
        return found

    def handle(self, session: Session, asked: Asked) -> Outcome[Any, Any]:
        """Decide and append. Raises Refusal for what names no command, and all that the session raises."""
        taken = self.of(asked.category)
        command = taken.decode(asked.command, bytes(asked.data))
        category = cast("AnyCategory", session.category(taken.decider))
        if isinstance(category, BoundaryCategory):
            if asked.key is not None:
                raise wrong(422, f"{asked.category!r} takes no key: its boundary says where it belongs.", field="key")
            return category.handle(command, **asked.notes())
        if asked.key is None:
            raise wrong(422, f"{asked.category!r} needs a key: which one?", field="key")
        return category.handle(asked.key, command, **asked.notes())

    def done(self, outcome: Outcome[Any, Any]) -> Done:
        """The answer to an outcome."""
        names = self._app.schema.names
        events = [{"type": names[type(event)], "data": event} for event in outcome.events]
        return Done(events, outcome.version, str(outcome.receipt), outcome.repeated)
