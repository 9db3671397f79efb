"""The publisher: public events on their way to other services, each by itself accepted or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from leftfold.ports.objects import Objects

FailureKind = Literal["again", "refused", "too large", "denied"]


class Message(Struct, frozen=True):
    """One public event. `body` is its whole CloudEvents envelope, as JSON; the rest is what a transport needs beside it.

    `id` is the event's, the same at each delivery; `stream` is the stream whose order must be kept; `source` names the app,
    and its tenant.
    """

    id: str
    type: str
    source: str
    stream: str
    time: datetime
    body: bytes


class Failure(Struct, frozen=True):
    """Why one message was not taken.

    `again`: it may pass next time. `refused`: never, as it is. `too large`: for this transport. `denied`: it's not about the
    message, and waiting won't help: a missing right.
    """

    kind: FailureKind
    reason: str


class Limits(Struct, frozen=True):
    """What one `send` may hold: messages, bytes of one body, bytes of all bodies.

    `run` is how many messages of one stream may be in one `send`, in order: 1, unless the transport keeps their order even
    when it takes only some of them. `calls` is how many sends may be under way at once.
    """

    entries: int
    entry_bytes: int
    call_bytes: int
    run: int = 1
    calls: int = 1


class Claims(Struct, frozen=True):
    """Where bodies go that the transport can't hold, and the URI that their names follow: consumers fetch them there."""

    objects: Objects
    base: str


class Publisher(Protocol):
    """A bus, a stream or a function that takes messages, at least once, in the order in which they are sent."""

    @property
    def name(self) -> str:
        """How progress towards it is known, as `eventbridge:orders`. Another name is another destination."""
        ...

    @property
    def limits(self) -> Limits: ...

    @property
    def claims(self) -> Claims | None:
        """Where large bodies go; None: a message over the limit is set aside."""
        ...

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        """Send these, within the limits. Answers for each: None when it was taken, or why not.

        What was not answered for is not known to have been taken: StoreUnavailable for what may pass, ConfigError for
        what won't, Rejected (or TooLarge) when all were refused because of some of them: then each may go alone. After a
        failed message of a stream none of the same stream is taken.
        """
        ...

    def close(self) -> None: ...
