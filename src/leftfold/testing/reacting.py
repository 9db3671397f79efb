"""Given/then for reactions: an event, and the commands that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from leftfold.core.events import Recorded
from leftfold.core.processes import Send
from leftfold.processes.react import Reacting
from leftfold.testing.events import placed
from leftfold.testing.shown import brief, fail

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


@overload
def reaction(react: Callable[[Recorded[E]], Sequence[Send]]) -> Reacts[E]: ...
@overload
def reaction(react: Callable[[E], Sequence[Send]]) -> Reacts[E]: ...
def reaction(react: Callable[[Any], Sequence[Send]]) -> Reacts[Any]:
    """A reaction to be checked, without a store.

    >>> reaction(credit).on(happened("account", "ann", TransferSent("bob", 5))).sends(send(account, "bob", Deposit(5)))
    """
    return Reacts(react)


class Reacts(Generic[E_contra]):
    """A reaction, typed by the event that it takes."""

    def __init__(self, react: Callable[[Any], Sequence[Send]]) -> None:
        self._reacting = Reacting(getattr(react, "__name__", "reaction"), react)

    def on(self, event: Recorded[E_contra]) -> Sent:
        """React to the event."""
        (recorded,) = placed([event])
        return Sent(f"{self._reacting.name} on {brief(recorded.data)}", tuple(self._reacting.sends(recorded)))


class Sent:
    """What a reaction sent."""

    def __init__(self, what: str, sent: tuple[Send, ...]) -> None:
        self._what, self._sent = what, sent

    def sends(self, *expected: Send) -> None:
        """Exactly these commands, in this order."""
        __tracebackhide__ = True
        if self._sent != expected:
            fail(self._what, expected, self._sent)

    def sends_nothing(self) -> None:
        """No command."""
        __tracebackhide__ = True
        self.sends()
