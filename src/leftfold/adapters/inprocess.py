"""A publisher within the process: messages go to functions. For tests, and for apps that are one process.

Implements Publisher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import StoreUnavailable
from leftfold.ports.publisher import Claims, Failure, Limits, Message

ENTRIES: Final = 1000  # a page of the log
ANY_BYTES: Final = 1 << 40  # memory is the limit

Subscriber = Callable[[Message], object]


class InProcess:
    """Every subscriber gets every message, in order per stream, at least once: it must bear to get one again.

    What a subscriber raises is a failure of that message: StoreUnavailable and TimeoutError may pass, so it comes again;
    anything else won't, and sets it aside.
    """

    def __init__(self, name: str, *subscribers: Subscriber) -> None:
        self._name, self._subscribers = f"inprocess:{name}", subscribers

    @property
    def name(self) -> str:
        return self._name

    @property
    def limits(self) -> Limits:
        return Limits(entries=ENTRIES, entry_bytes=ANY_BYTES, call_bytes=ANY_BYTES, run=ENTRIES)

    @property
    def claims(self) -> Claims | None:
        return None

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        stopped: set[str] = set()
        answers: list[Failure | None] = []
        for message in messages:
            behind = message.stream in stopped
            failure = Failure("again", "it waits behind another of its stream") if behind else self._tell(message)
            if failure is not None:
                stopped.add(message.stream)
            answers.append(failure)
        return answers

    def close(self) -> None:
        """Nothing was opened."""

    def _tell(self, message: Message) -> Failure | None:
        for subscriber in self._subscribers:
            done = attempt(subscriber, message)
            if isinstance(done, Failed):
                passing = isinstance(done.error, StoreUnavailable | TimeoutError)
                return Failure("again" if passing else "refused", str(done))
        return None
