"""Sending: commands as a step records them, to be handled from that record alone, whatever the code says later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import MsgspecError, Raw, Struct

from leftfold.codec.door import Door
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError, UnknownType
from leftfold.core.events import Recorded
from leftfold.core.processes import Send
from leftfold.core.runs import Sent
from leftfold.core.schema import command_types
from leftfold.handling.decide import Decide, Deciding, Place, Request


class Refusal(Struct, frozen=True):
    """What a decider said no with, and the versions of the streams that it said so on."""

    error: Exception
    seen: dict[str, int]


class Deliver(Protocol):
    """Handles a command under the given id, as caused by the given event. Returns the decider's refusal, if it refuses."""

    def __call__(
        self, one: Send, cause: Recorded[Any], command_id: str, *, actor: str, before: Callable[[], None] | None = None
    ) -> Refusal | None:
        """`before` runs when the streams have been read, before the decision: whatever it raises comes out.

        Without it nobody records the refusal, and nothing is said of the versions. Raises what is nobody's refusal.
        """
        ...


class Ask(Struct, frozen=True):
    """A decision that may be taken here, or be made durable together with others."""

    deciding: Deciding[Any, Any]
    request: Request
    decide: Decide[Any, Any]
    place: Place[Any]


class Delivers(Deliver, Protocol):
    """Who delivers, and can say first what that would be."""

    def ask(
        self, one: Send, cause: Recorded[Any], command_id: str, *, actor: str, before: Callable[[], None] | None = None
    ) -> Ask: ...


class Outbox:
    """The commands of an app's deciders, by category and class name."""

    def __init__(self, deciders: Sequence[Decider[Any, Any, Any]]) -> None:
        self._deciders = {decider.category: decider for decider in deciders}
        self._doors: dict[tuple[str, str], Door] = {}

    def pack(self, one: Send) -> Sent:
        """As it is recorded. Raises ConfigError for a decider that the app doesn't have, or a missing key."""
        to = one.to.category
        if self._deciders.get(to) is not one.to:
            raise ConfigError(f"{one.to!r} is no decider of this app: add it to deciders=[...].")
        if (one.key is None) != hasattr(one.to, "boundary"):
            raise ConfigError(
                f"send({to}, ...): it says its boundary itself, leave the key out."
                if one.key is not None
                else f"send({to}, key, command): a decider without a boundary needs a key."
            )
        name = type(one.command).__name__
        return Sent(to, one.key, name, Raw(self._door(to, name).encode(one.command)))

    def unpack(self, sent: Sent) -> Send:
        """What was packed. Raises UnknownType where the code no longer has that command."""
        command = self.command(sent.to, sent.command, sent.data)
        return Send(self._deciders[sent.to], sent.key, command)

    def command(self, to: str, name: str, data: Raw) -> Any:
        """A recorded command. Raises UnknownType."""
        try:
            return self._door(to, name).decode(bytes(data))
        except MsgspecError as error:
            raise UnknownType(f"a recorded {name} to {to!r} no longer fits its class: {error}.", type=name) from error

    def refusals(self, to: str) -> tuple[type[Exception], ...]:
        """What a category's decider refuses with."""
        return tuple(getattr(self._deciders.get(to), "refusals", ()))

    def _door(self, to: str, name: str) -> Door:
        door = self._doors.get((to, name))
        if door is None:
            door = self._doors[to, name] = Door(self._class(to, name))
        return door

    def _class(self, to: str, name: str) -> type:
        decider = self._deciders.get(to)
        found = [one for one in (command_types(decider) if decider else ()) if one.__name__ == name]
        if len(found) != 1:
            why = f"{len(found)} of its commands are called so" if found else "it has no such command"
            raise UnknownType(f"{name} to {to!r} can't be told: {why}. Restore the class under its name.", type=name)
        return found[0]
