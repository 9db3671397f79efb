"""What an inbox keeps of one stream beside its checkpoint: rows, each a message that waits or was given up.

A row's key is its stream's place and the event's version, so a stream's rows stand in the order of its events. A message
that was handled is removed, but for those before which the inbox had gone over a gap: these leave a mark, by which a late
event is told from a repeated one. A row may outlive a crash: the checkpoint alone says what was handled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from leftfold.core.errors import Fenced, IntegrityError
from leftfold.inbox.incoming import Message, message
from leftfold.ports.rows import Change, Row, Rows, Span

DIGITS: Final = 16  # MAX_COUNT has as many
SINCE: Final = "since"  # the index of what waits
CHANCE_BITS: Final = 31  # of a row's number: a billion changes of one row stay under 2**63, and no two meet by accident
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
    turn: int | None = None
    passed: int | None = None
    given_up: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Body).decode


class Kept(Struct, frozen=True):
    """One row. `since` is when the message came, in microseconds since 1970; `message` is None for a mark.

    `turn` is the version that the stream had got to when this event was next; `passed` the same, if there was a gap
    between, else None. Both are true once the event is marked: who marks has read them, and who writes them late fails.
    `given_up`: it waits for nothing but an operator, and a letter says why.
    """

    row: Row
    since: int
    body: bytes | None
    turn: int | None
    passed: int | None
    given_up: bool

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
        """The row of this version."""
        return next(iter(self.those(place, [version])), None)

    def those(self, place: Place, versions: Sequence[int]) -> list[Kept]:
        """The rows of these versions, as far as there are any."""
        rows = self._rows.get(self.build, [place.key(version) for version in versions])
        return [_kept(row) for row in rows.values() if row.body is not None]

    def waiting(self, until: int, after: tuple[int, str] | None, limit: int) -> list[Kept]:
        """Rows that have waited since before `until`, the longest first."""
        return [_kept(row) for _, row in self._rows.find(self.build, SINCE, Span(high=until), after=after, limit=limit)]

    def put(self, place: Place, version: int, since: int, body: bytes) -> Change:
        """A message that has to wait. Raises Fenced, as `late` and `mark` do, where another worker has just put a row."""
        return _changed(self._free(place, version), _encode(_Body(since, Raw(body))), added=((SINCE, since),))

    def late(self, place: Place, version: int, since: int, body: bytes, passed: int) -> Change:
        """A message that came when the stream had gone on over its gap."""
        return _changed(self._free(place, version), _encode(_Body(since, Raw(body), passed=passed, given_up=True)))

    def mark(self, place: Place, version: int, since: int, passed: int) -> Change:
        """That such an event was handled all the same."""
        return _changed(self._free(place, version), _encode(_Body(since, passed=passed)))

    def _free(self, place: Place, version: int) -> Row:
        """The place of a row that isn't there; some stores remember one that was."""
        key = place.key(version)
        row = self._rows.get(self.build, [key]).get(key) or Row(key, None, 0)
        if row.body is not None:
            raise Fenced(f"row {key!r} is there since it was looked for: look again.")
        return row

    def next_at(self, kept: Kept, position: int) -> Change:
        """The same: it is its turn, and perhaps it is gone on with over a gap."""
        passed = position if kept.message.previous > position else None
        return _changed(kept.row, _encode(_Body(kept.since, Raw(kept.bytes), position, passed)))

    def given_up(self, kept: Kept, passed: int | None) -> Change:
        """The same, no longer waiting."""
        body = _encode(_Body(kept.since, Raw(kept.bytes), passed=passed, given_up=True))
        return _changed(kept.row, body, dropped=((SINCE, kept.since),))

    def done(self, kept: Kept, passed: int | None) -> Change:
        """Removed; or a mark only, where it was gone on with over a gap, or lies in one."""
        body = None if passed is None else _encode(_Body(kept.since, passed=passed))
        return _changed(kept.row, body, dropped=((SINCE, kept.since),))


def _changed(
    row: Row,
    body: bytes | None,
    *,
    dropped: tuple[tuple[str, int], ...] = (),
    added: tuple[tuple[str, int], ...] = (),
) -> Change:
    """The row's next form. Chance tells its number from that of whoever writes another form at the same time."""
    applied = row.applied + 1 + random.getrandbits(CHANCE_BITS)
    return Change(row.key, body, applied, dropped, added, row.applied)


def _kept(row: Row) -> Kept:
    assert row.body is not None  # only Rows.get returns removed ones
    read = _decode(row.body)
    body = None if read.message is UNSET else bytes(read.message)
    return Kept(row, read.since, body, read.turn, read.passed, read.given_up)
