"""Delivering: commands that reactions, processes and workflows send, to the app's deciders, each once in effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leftfold.category import AnyCategory, aimed
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Contention
from leftfold.core.events import Recorded
from leftfold.core.processes import Send
from leftfold.handling.decide import MAX_TRIES, Request
from leftfold.handling.sending import Ask, Refusal


class Delivering:
    """A session's categories, as who sends on meets them: see leftfold.handling.sending.Deliver."""

    def __init__(self, app: str, categories: Mapping[int, AnyCategory], rung: Callable[[], None]) -> None:
        self._app, self._categories, self._rung = app, categories, rung

    def __call__(
        self, one: Send, cause: Recorded[Any], command_id: str, *, actor: str, before: Callable[[], None] | None = None
    ) -> Refusal | None:
        """Handle the command. With `before`, a refusal comes with the versions that it rests on, to be guarded."""
        ask = self.ask(one, cause, command_id, actor=actor, before=before)
        for _ in range(MAX_TRIES):
            done = attempt(ask.deciding.handle, ask.request, ask.decide, ask.place)
            if not isinstance(done, Failed):
                self._rung()
                return None
            if not refuses(one, done.error):
                raise done.error
            refusal = Refusal(done.error, {}) if before is None else _refusal(one, ask)
            if refusal is not None:
                return refusal
        raise Contention(ask.request.streams[0], 0, 0)

    def ask(
        self, one: Send, cause: Recorded[Any], command_id: str, *, actor: str, before: Callable[[], None] | None = None
    ) -> Ask:
        """The command as a decision to be taken."""
        category = self._categories.get(id(one.to))
        if category is None:
            raise ConfigError(f"{one.to!r} is no decider of app {self._app!r}: add it to deciders=[...].")
        aim = aimed(category, one.key, one.command)
        request = Request(
            aim.streams,
            type(one.command).__name__,
            command_id=command_id,
            correlation_id=cause.meta.correlation_id or cause.meta.command_id,
            causation_id=cause.id,
            actor=actor,
            traceparent=cause.meta.traceparent,
        )

        def decide(state: Any) -> Sequence[Any]:
            if before is not None:
                before()
            return aim.decide(state)

        return Ask(aim.deciding, request, decide, aim.place)


def _refusal(one: Send, ask: Ask) -> Refusal | None:
    """The refusal again, with what it rests on; None when others have appended since, and the answer is another one.

    What they appended may be this command's own events: then it is not refused, whatever the decider says of it now.
    """
    streams, command_id = ask.request.streams, ask.request.command_id or ""
    folded = ask.deciding.loader.settled(streams)
    if any(ask.deciding.store.find(command_id, name, forever=False) is not None for name in streams):
        return None
    again = attempt(ask.decide, folded.state)
    if isinstance(again, Failed) and refuses(one, again.error):
        return Refusal(again.error, folded.seen)
    return None


def refuses(one: Send, error: Exception) -> bool:
    """Whether this is a final no of the command's decider."""
    refusals: Sequence[type[Exception]] = getattr(one.to, "refusals", ())
    return isinstance(error, tuple(refusals))
