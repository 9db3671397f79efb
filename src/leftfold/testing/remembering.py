"""Given/when/then for processes: what an instance has taken, what comes next, and what it does about it. Without a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NoReturn, TypeVar, cast

from leftfold.core.events import Metadata, Recorded
from leftfold.core.processes import Due, Process, Refused, Todo
from leftfold.core.state import fresh, is_frozen
from leftfold.processes.instances import Version
from leftfold.testing.events import happened, placed
from leftfold.testing.shown import brief, fail

M = TypeVar("M")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)

Input = Recorded[Any] | Due | Refused


class Remembers(Generic[M, E_contra]):
    """What one instance of a process has taken. `when` gives it the next event.

    An event is bare, or `happened(category, key, event)` where the process asks for its key or its time; a timer that
    fires is `Due(...)`, a refused command `Refused(...)`.
    """

    def __init__(self, process: Process[M, Any], taken: Sequence[object]) -> None:
        self._process, self._version = process, Version(process)
        self._given = tuple(taken)

    def when(self, event: E_contra | Recorded[E_contra] | Due | Refused) -> Reacts[M]:
        """Take the event. What came of it is checked by then, nothing or memory."""
        __tracebackhide__ = True
        *before, now = self._inputs([*self._given, event])
        memory = self._fold(before)
        after = self._version.evolve(fresh(memory), now)
        todo = tuple(self._version.react(after, now))
        compares = type(after).__eq__ is not object.__eq__  # type: ignore[comparison-overlap]
        if not is_frozen(after) and compares and after != self._fold([*before, now]):
            raise AssertionError(f"{brief(event)}: react changed the memory in place; it may only read it.")
        return Reacts(brief(now.data if isinstance(now, Recorded) else now), after, todo)

    def memory(self, expected: M) -> None:
        """What it has taken folds to this memory."""
        __tracebackhide__ = True
        if (found := self._fold(self._inputs(self._given))) != expected:
            fail(f"the memory after {len(self._given)} events", expected, found)

    def _fold(self, inputs: Sequence[Input]) -> M:
        memory: Any = fresh(self._process.initial)
        for one in inputs:
            memory = self._version.evolve(memory, one)
        return memory  # type: ignore[no-any-return]

    def _inputs(self, taken: Sequence[object]) -> list[Input]:
        """As a store would hand them over, all to one instance."""
        __tracebackhide__ = True
        recorded = placed(self._recorded(one) for one in taken if not isinstance(one, Due | Refused))
        keys = {self._version.key(event) for event in recorded}
        if None in keys:
            lost = next(event for event in recorded if self._version.key(event) is None)
            raise AssertionError(f"{brief(lost.data)}: {self._process!r} does not correlate it with any instance.")
        if len(keys) > 1:
            raise AssertionError(f"these events are for several instances: {', '.join(sorted(map(str, keys)))}.")
        events = map(_remembered, recorded)
        return [one if isinstance(one, Due | Refused) else next(events) for one in taken]

    def _recorded(self, one: object) -> Recorded[Any]:
        __tracebackhide__ = True
        if isinstance(one, Recorded):
            return cast("Recorded[Any]", one)  # type: ignore[redundant-cast]
        if self._version.takes_recorded:
            _needs_place(one)
        return happened("somewhere", "something", one)


def _remembered(event: Recorded[Any]) -> Recorded[Any]:
    """As evolve and react meet it: what its step holds of it, which is its first place, and none of its notes."""
    return Recorded(event.data, event.type, event.slots[:1], event.position, event.at, Metadata())


def _needs_place(event: object) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError(
        f"{brief(event)}: the process takes Recorded[...], so say where it was: happened(category, key, event)."
    )


class Reacts(Generic[M]):
    """What an instance did about an event."""

    def __init__(self, what: str, after: M, todo: tuple[Todo, ...]) -> None:
        self._what, self._after, self._todo = what, after, todo

    def then(self, *expected: Todo) -> Reacts[M]:
        """It did exactly this, in this order: `send(...)`, `Schedule(...)`, `Done()`."""
        __tracebackhide__ = True
        if self._todo != expected:
            fail(self._what, expected, self._todo)
        return self

    def nothing(self) -> Reacts[M]:
        """It sent nothing, set no timer, and goes on."""
        __tracebackhide__ = True
        return self.then()

    def memory(self, expected: M) -> None:
        """And this is what it remembers then."""
        __tracebackhide__ = True
        if self._after != expected:
            fail(f"the memory after {self._what}", expected, self._after)
