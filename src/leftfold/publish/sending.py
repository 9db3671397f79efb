"""Sending a page's messages: in rounds, so that of no stream two are under way, and only what failed goes again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Rejected, StoreUnavailable, TooLarge
from leftfold.ports.publisher import Failure, Limits, Message, Publisher

TURN_S: Final = 1.5  # for one page: within half a lease, and within the time that a Lambda function keeps for its end
PAUSE_S: Final = 0.05  # before what was not taken goes again; it doubles
MAX_PAUSE_S: Final = 1.0

Park = Callable[["Outgoing", str], None]
"""Sets aside what can't be sent, for a reason."""

Lighten = Callable[[Message], Message]
"""Makes a message that fits out of one that is too large."""


class Outgoing(Struct, frozen=True):
    """A message, and where its event stands in the log."""

    position: int
    message: Message


class Pace(Struct, frozen=True):
    """Time, as an input."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


class Sent(Struct, frozen=True):
    """What became of a page's messages: positions that were taken, and that are still to go, and why, where it's known."""

    taken: frozenset[int] = frozenset()
    left: tuple[int, ...] = ()
    trouble: Exception | None = None


class Sending:
    """One page's messages on their way."""

    def __init__(
        self, publisher: Publisher, outgoing: Iterable[Outgoing], park: Park, lighten: Lighten | None, pace: Pace
    ) -> None:
        self._publisher, self._limits = publisher, publisher.limits
        self._park, self._lighten, self._pace = park, lighten, pace
        self._until = pace.now() + TURN_S
        self._queues: dict[str, deque[Outgoing]] = {}
        self._waiting: dict[str, _Waiting] = {}  # streams whose next message was not taken
        self._light: set[int] = set()
        self._stopped: Exception | None = None
        self._taken: set[int] = set()
        for one in outgoing:
            self._queues.setdefault(one.message.stream, deque()).append(one)

    def run(self) -> Sent:
        """Send until nothing is left, the turn is over, or something stands in the way of everything."""
        while self._queues and self._stopped is None and (now := self._pace.now()) < self._until:
            due = [name for name in self._queues if name not in self._waiting or self._waiting[name].until <= now]
            if due:
                self._round(due)
            else:
                soonest = min(waiting.until for waiting in self._waiting.values())
                self._pace.wait(min(soonest, self._until) - now)
        left = tuple(one.position for queue in self._queues.values() for one in queue)
        return Sent(frozenset(self._taken), left, self._trouble() if left else None)

    def _trouble(self) -> Exception | None:
        if self._stopped is not None:
            return self._stopped
        reason = next((waiting.reason for waiting in self._waiting.values()), None)
        return None if reason is None else StoreUnavailable(f"{self._publisher.name} does not take it now: {reason}")

    def _round(self, streams: Sequence[str]) -> None:
        batches = [batch for stream in streams if (batch := self._next(stream))]
        calls = packed(batches, self._limits)
        for start in range(0, len(calls), self._limits.calls):
            if start and (self._stopped is not None or self._pace.now() >= self._until):
                break  # what has not gone out waits for the next turn
            self._side_by_side(calls[start : start + self._limits.calls])

    def _side_by_side(self, calls: Sequence[list[Outgoing]]) -> None:
        """Calls of one round, which have no stream in common."""
        if len(calls) > 1:
            from concurrent.futures import ThreadPoolExecutor  # every session imports this module, few publish

            with ThreadPoolExecutor(len(calls), "leftfold publish") as threads:
                answers = list(threads.map(self._send, calls))
        else:
            answers = [self._send(call) for call in calls]
        for call, answer in zip(calls, answers, strict=True):
            self._heed(call, answer)

    def _next(self, stream: str) -> list[Outgoing]:
        """What of a stream goes into this round. One that is over the limit is made lighter first, or set aside."""
        while queue := self._queues.get(stream, ()):
            fitting: list[Outgoing] = []
            for one in islice(queue, self._limits.run):
                if len(one.message.body) > self._limits.entry_bytes:
                    break
                fitting.append(one)
            if fitting:
                return fitting
            size = len(queue[0].message.body)
            self._too_large(queue[0], f"its envelope has {size:,} bytes; the limit is {self._limits.entry_bytes:,}")
            if stream in self._waiting or self._stopped is not None:
                break
        return []

    def _send(self, call: Sequence[Outgoing]) -> list[Failure | None] | Failed:
        answers = attempt(self._publisher.send, [one.message for one in call])
        if not isinstance(answers, Failed) and len(answers) != len(call):
            return Failed(ValueError(f"{self._publisher.name} gave {len(answers)} answers for {len(call)} messages"))
        return answers

    def _heed(self, call: Sequence[Outgoing], answers: list[Failure | None] | Failed) -> None:
        if isinstance(answers, Failed):
            if isinstance(answers.error, Rejected) and len(call) > 1:
                self._one_by_one(call)
                return
            answers = self._failed(answers.error, len(call))
        failed: set[str] = set()
        for one, failure in zip(call, answers, strict=False):
            stream = one.message.stream
            if stream in failed:
                continue
            if failure is None:
                self._took(one)
            else:
                failed.add(stream)
                self._not_taken(one, failure)

    def _failed(self, error: Exception, count: int) -> list[Failure | None]:
        """A call that gave no answers, as answers; none for what is nobody's message's fault."""
        if isinstance(error, Rejected):
            return [Failure("too large" if isinstance(error, TooLarge) else "refused", str(error))]
        if isinstance(error, StoreUnavailable):
            return [Failure("again", str(error))] * count
        self._stopped = error
        return []

    def _one_by_one(self, call: Sequence[Outgoing]) -> None:
        """Some of these had all of them refused: each alone, the first of its stream first."""
        for one in call:
            queue = self._queues.get(one.message.stream)
            if queue and queue[0] is one and one.message.stream not in self._waiting and self._stopped is None:
                self._heed([one], self._send([one]))

    def _took(self, one: Outgoing) -> None:
        stream = one.message.stream
        self._queues[stream].popleft()
        self._waiting.pop(stream, None)
        self._taken.add(one.position)
        if not self._queues[stream]:
            del self._queues[stream]

    def _not_taken(self, one: Outgoing, failure: Failure) -> None:
        match failure.kind:
            case "again":
                self._wait(one, failure.reason)
            case "denied":
                self._stopped = ConfigError(f"{self._publisher.name}: {failure.reason}")
            case "too large":
                self._too_large(one, failure.reason)
            case "refused":
                self._set_aside(one, failure.reason)

    def _wait(self, one: Outgoing, reason: str) -> None:
        before = self._waiting.get(one.message.stream)
        pause = PAUSE_S if before is None else min(before.pause * 2, MAX_PAUSE_S)
        self._waiting[one.message.stream] = _Waiting(self._pace.now() + pause, pause, reason)

    def _too_large(self, one: Outgoing, reason: str) -> None:
        if self._lighten is None or one.position in self._light:
            self._set_aside(one, f"TooLarge: {reason}")
            return
        light = attempt(self._lighten, one.message)
        if not isinstance(light, Failed):
            self._light.add(one.position)
            self._queues[one.message.stream][0] = replace(one, message=light)
        elif isinstance(light.error, StoreUnavailable):
            self._wait(one, str(light.error))
        else:
            self._stopped = light.error

    def _set_aside(self, one: Outgoing, reason: str) -> None:
        """It will never be taken: it parks its stream, and what comes after it there waits."""
        self._waiting.pop(one.message.stream, None)
        for waiting in self._queues.pop(one.message.stream):
            self._park(waiting, reason)


class _Waiting(Struct, frozen=True):
    until: float
    pause: float
    reason: str


def packed(batches: Iterable[Sequence[Outgoing]], limits: Limits) -> list[list[Outgoing]]:
    """Calls within the limits: a stream's messages stay together, and those that don't fit wait for the next round."""
    calls: list[list[Outgoing]] = []
    entries = size = 0
    for batch in batches:
        fitting, length = _start(batch, limits)
        if not calls or entries + len(fitting) > limits.entries or size + length > limits.call_bytes:
            calls.append([])
            entries = size = 0
        calls[-1] += fitting
        entries, size = entries + len(fitting), size + length
    return calls


def _start(batch: Sequence[Outgoing], limits: Limits) -> tuple[Sequence[Outgoing], int]:
    """As much of a stream's messages as one call holds, at least the first, and its bytes."""
    count, size = 0, 0
    for one in batch[: limits.entries]:
        length = len(one.message.body)
        if count and size + length > limits.call_bytes:
            break
        count, size = count + 1, size + length
    return batch[:count], size
