"""The event store and its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from leftfold.core.commits import Appended, Commit, Found, Start
from leftfold.core.errors import Conflict
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt

PAGE_EVENTS: Final = 500  # about 150 KiB of ordinary events: one DynamoDB page, one SQLite step


class EventStore(Protocol):
    """Streams of events with dense versions from 1. Streams are named by their text form, `category/key`."""

    def append(self, commit: Commit) -> Appended:
        """Write the whole commit, or nothing.

        Raises Conflict when a stream in `expected` ends elsewhere, or its command id was appended to one of them before;
        StoreUnavailable when nothing could be written. A store that can't keep `log_end` raises ConfigError.
        """
        ...

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        """As many appends, one after the other, made durable together. Each is all or nothing by itself.

        A commit that loses is answered with its Conflict. So is a later one over a stream that the loser would have
        written: it was decided on events that are not there, whatever the version says. The others go on.
        """
        ...

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        """At most `limit` events with a version over `after`, in version order; fewer only at the stream's end."""
        ...

    def last(self, stream: str) -> Stored | None:
        """The event with the stream's highest version."""
        ...

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        """What this command id appended to this stream before; None for an id that is new here.

        Looks at least as far as this store has read the stream; what others have appended since, the append finds out.
        With `forever`, first what it appended to any stream under `once="forever"`.
        """
        ...


class Snapshots(Protocol):
    """States to start from, stored beside the commits that carried them. Losing them loses only time."""

    def load(self, stream: str, fingerprint: str) -> Start:
        """The newest snapshot of this stream made by the fold that `fingerprint` names, and what came after it."""
        ...


class Log(Protocol):
    """All commits in one order, with dense positions from 1. The events of a commit stand together, in its order.

    A store whose appends place their events themselves has nothing to do in `place`, and its `history` is its `read`.
    """

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        """At most `limit` events with a position over `after`, in order, without a gap; fewer only at the end."""
        ...

    def end(self) -> int:
        """The last position; 0 for an empty log."""
        ...

    def locate(self, receipt: Receipt) -> int | None:
        """The position that a view must have passed to contain the write; None while the log has not placed it.

        Raises Rejected for a receipt that this store did not make.
        """
        ...

    def place(self, upto: Mapping[str, int] | None = None) -> int:
        """Give positions to what was appended without one.

        With `upto`, only to what this process appended, and to these streams' events up to these versions.
        Returns how many events were placed; 0 when there is nothing left to place. Safe to run in several processes.
        """
        ...

    def history(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        """As EventStore.read, with each event's position: 0 only for those that the log has not placed yet."""
        ...
