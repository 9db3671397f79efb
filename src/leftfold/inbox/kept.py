"""What an inbox keeps of one stream beside its checkpoint: rows, each a message that waits or was given up.

A row's key is its stream's place and the event's version, so a stream's rows stand in the order of its events. A message
that was handled is removed, but for those before which the inbox had gone over a gap: these leave a mark, by which a late
event is told from a repeated one. A row may outlive a crash: the checkpoint alone says what was handled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from leftfold.core.errors import IntegrityError
from leftfold.inbox.incoming import Message, message
from leftfold.ports.rows import Change, Row, Rows, Span

DIGITS: Final = 16  # MAX_COUNT has as many
SINCE: Final = "since"  # the index of what waits
SUBSCRIBER_BYTES: Final = 768  # a checkpoint's key: under DynamoDB's 1,024 bytes, with room for prefixes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


class Place(Struct, frozen=True):
    """One stream of one sender, in one inbox. `lane` names it to people, `rows` leads its rows' keys."""

    source: str
    stream: str
    lane: str
    subscriber: str
    rows: str

    def key(self, version: int) -> str:
        return f"{self.rows}{version:0{DIGITS}}"


def place_of(inbox: str, source: str, stream: str) -> Place:
    lane = f"{source} {stream}"
    rows = blake2b(lane.encode(), digest_size=16).hexdigest()
    plain = f"{inbox}:{lane}"
    subscriber = plain if len(plain.encode()) <= SUBSCRIBER_BYTES else f"{inbox}:#{rows}"
    return Place(source, stream, lane, subscriber, rows)


class _Body(Struct, frozen=True, omit_defaults=True):
    since: int
    message: Raw | UnsetType = UNSET
    passed: int | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Body).decode


class Kept(Struct, frozen=True):
    """One row. `since` is when the message came, in microseconds since 1970; `message` is None for a mark.

    `passed` is the version that the stream had got to when this event was gone on with, over a gap; None without one.
    """

    row: Row
    since: int
    body: bytes | None
    passed: int | None

    @property
    def version(self) -> int:
        return int(self.row.key[-DIGITS:])

    @property
    def bytes(self) -> bytes:
        if self.body is None:
            raise IntegrityError(f"row {self.row.key!r} holds no message any more.")
        return self.body

    @property
    def message(self) -> Message:
        return message(self.bytes)


class Shelf:
    """The rows of one inbox."""

    def __init__(self, rows: Rows, build: str) -> None:
        self._rows, self.build = rows, build

    def since(self, place: Place, version: int, limit: int) -> list[Kept]:
        """The stream's rows from this version on."""
        page = self._rows.scan(self.build, after=place.key(version - 1) if version else place.rows, limit=limit)
        return [_kept(row) for row in page if row.key.startswith(place.rows)]

    def at(self, place: Place, version: int) -> Kept | None:
        """The message of this version, if it is kept; None for a mark, too."""
        row = self._rows.get(self.build, [place.key(version)]).get(place.key(version))
        kept = _kept(row) if row is not None and row.body is not None else None
        return kept if kept is not None and kept.body is not None else None

    def waiting(self, until: int, after: tuple[int, str] | None, limit: int) -> list[Kept]:
        """Rows that have waited since before `until`, the longest first."""
        return [_kept(row) for _, row in self._rows.find(self.build, SINCE, Span(high=until), after=after, limit=limit)]

    def put(self, place: Place, version: int, since: int, body: bytes) -> Change:
        """A message that has to wait. A row that is there in a store that remembers removed ones is written over."""
        key = place.key(version)
        removed = self._rows.get(self.build, [key]).get(key)
        applied = removed.applied if removed else 0
        return Change(key, _encode(_Body(since, Raw(body))), applied + 1, added=((SINCE, since),), before=applied)

    def late(self, place: Place, version: int, since: int, body: bytes, passed: int) -> Change:
        """A message that came when the stream had gone on over its gap."""
        return _changed(Row(place.key(version), None, 0), _encode(_Body(since, Raw(body), passed)))

    def over(self, kept: Kept, passed: int | None) -> Change:
        """The same, with the gap that it is gone on over."""
        return _changed(kept.row, _encode(_Body(kept.since, Raw(kept.bytes), passed)))

    def given_up(self, kept: Kept) -> Change:
        """The same, no longer waiting."""
        body = _encode(_Body(kept.since, Raw(kept.bytes), kept.passed))
        return _changed(kept.row, body, dropped=((SINCE, kept.since),))

    def done(self, kept: Kept) -> Change:
        """Removed; or a mark only, where it was gone on with over a gap."""
        body = None if kept.passed is None else _encode(_Body(kept.since, UNSET, kept.passed))
        return _changed(kept.row, body, dropped=((SINCE, kept.since),))


def _changed(row: Row, body: bytes | None, dropped: tuple[tuple[str, int], ...] = ()) -> Change:
    return Change(row.key, body, row.applied + 1, dropped=dropped, before=row.applied)


def _kept(row: Row) -> Kept:
    assert row.body is not None  # only Rows.get returns removed ones
    read = _decode(row.body)
    return Kept(row, read.since, None if read.message is UNSET else bytes(read.message), read.passed)
