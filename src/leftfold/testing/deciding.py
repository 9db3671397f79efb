"""Given/when/then for deciders: events, a command, events. Pure, so a test needs no store. Processes: see remembering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from leftfold.core.attempt import Failed, attempt
from leftfold.core.decider import Decider, fold
from leftfold.core.events import Recorded
from leftfold.core.processes import Due, Process, Refused
from leftfold.core.state import fresh, is_frozen
from leftfold.testing.remembering import Remembers
from leftfold.testing.shown import brief, fail

C_contra = TypeVar("C_contra", contravariant=True)
C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")
M = TypeVar("M")


@overload
def given(process: Process[M, E], /, *events: E | Recorded[E] | Due | Refused) -> Remembers[M, E]: ...
@overload
def given(decider: Decider[C, S, E], /, *events: E) -> Given[C, S, E]: ...
def given(decider: Any, /, *events: Any) -> Any:
    """What happened before, on the streams that the decider reads, or to one instance of a process.

    >>> given(account, Opened("Ann"), Deposited(5)).when(Withdraw(3)).then(Withdrawn(3))
    >>> given(account, Opened("Ann")).when(Withdraw(3)).raises(Refused, "insufficient")
    >>> given(account, Opened("Ann")).when(Deposit(5)).state(Account(balance=5, is_open=True))
    >>> given(account, Opened("Ann"), Deposited(5)).state(Account(balance=5, is_open=True))

    >>> placed = happened("order", "o1", Placed(50, "card"))
    >>> given(fulfilment).when(placed).then(
    ...     send(payments, "o1", Charge(50)), send(shelf, "a", Pack("o1")), Schedule("late", after=LATE)
    ... ).memory(Fulfilling("o1", "card"))
    """
    if isinstance(decider, Process):
        return Remembers[Any, Any](cast("Process[Any, Any]", decider), events)  # type: ignore[redundant-cast]
    return Given[Any, Any, Any](decider, events)


class Given(Generic[C_contra, S, E]):
    """A history. `when` puts a command to it."""

    def __init__(self, decider: Decider[C_contra, S, E], events: Sequence[E]) -> None:
        self._decider, self._events = decider, tuple(events)

    def when(self, command: C_contra) -> When[S, E]:
        """Decide on the command. What came of it is checked by then, raises, state or nothing."""
        state = self._fold()
        decided = attempt(self._decider.decide, command, state)
        if not is_frozen(state) and type(state).__eq__ is not object.__eq__ and state != self._fold():
            raise AssertionError(f"{brief(command)}: decide changed the state in place; it may only read it.")
        return When(self._decider.evolve, state, command, decided if isinstance(decided, Failed) else tuple(decided))

    def state(self, expected: S) -> None:
        """The history folds to this state."""
        __tracebackhide__ = True
        if (found := self._fold()) != expected:
            fail(f"the state after {len(self._events)} events", expected, found)

    def _fold(self) -> S:
        return fold(self._decider.evolve, fresh(self._decider.initial), self._events)


class When(Generic[S, E]):
    """A decision, already taken."""

    def __init__(
        self, evolve: Callable[[S, E], S], before: S, command: object, decided: tuple[E, ...] | Failed
    ) -> None:
        self._evolve, self._before, self._command, self._decided = evolve, before, command, decided

    def then(self, *events: E) -> None:
        """It led to exactly these events, in this order."""
        __tracebackhide__ = True
        if not _equal(found := self._events(events), events):
            fail(brief(self._command), events, found)

    def nothing(self) -> None:
        """It led to no event, and was not refused."""
        __tracebackhide__ = True
        self.then()

    def raises(self, refusal: type[Exception], text: str = "") -> None:
        """It was refused with this exception (or a subclass), whose message holds `text`."""
        __tracebackhide__ = True
        wanted = f"{refusal.__name__} with {text!r}" if text else refusal.__name__
        if not isinstance(self._decided, Failed):
            fail(brief(self._command), refusal, self._decided)
        if not isinstance(self._decided.error, refusal) or text not in str(self._decided.error):
            raise AssertionError(
                f"{brief(self._command)}\n  expected:\n    {wanted}\n  found:\n    {brief(self._decided.error)}"
            ) from self._decided.error

    def state(self, expected: S) -> None:
        """The state after the events that it led to."""
        __tracebackhide__ = True
        found = fold(self._evolve, self._before, self._events(expected))
        if found != expected:
            fail(f"the state after {brief(self._command)}", expected, found)

    def _events(self, expected: object) -> tuple[E, ...]:
        __tracebackhide__ = True
        if isinstance(self._decided, Failed):
            try:
                fail(brief(self._command), expected, self._decided.error)
            except AssertionError as failed:
                raise failed from self._decided.error
        return self._decided


def _equal(found: Sequence[object], expected: Sequence[object]) -> bool:
    """Equal values of equal classes: two dataclasses of the same fields may be two different facts."""
    return tuple(found) == tuple(expected) and [type(one) for one in found] == [type(one) for one in expected]
