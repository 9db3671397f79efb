"""What could not be taken, set aside with its reason: an object each, named so that the same record is kept once.

A record that came in from outside in a wrong shape has no place in any stream, and must neither stop those behind it
nor be lost. Events of our own that a subscriber can't take are dead letters instead: they are in the log.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from leftfold.core.errors import IntegrityError, TooLarge
from leftfold.ports.objects import Objects

UNDATED: Final = "undated"  # the day of a record that does not say when it came
NAME_CHARS: Final = 128  # of an id in an object's name; a longer one, or one with other characters, is hashed

_PLAIN = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*\Z")


class SetAside(Struct, frozen=True, omit_defaults=True):
    """One record that was set aside: its text or, where that is no UTF-8, its bytes in base64; why, and whence."""

    id: str
    handler: str
    source: str
    reason: str
    text: str | None = None
    base64: str | None = None
    at: datetime | None = None

    @property
    def record(self) -> bytes:
        """The record as it came; one that came as JSON, as JSON."""
        return b64decode(self.base64) if self.base64 is not None else (self.text or "").encode()


class Aside:
    """A place for records that could not be taken."""

    def __init__(self, objects: Objects, handler: str) -> None:
        self._objects, self._handler = objects, handler

    def put(self, record: object, reason: str, *, source: str, record_id: str = "", at: datetime | None = None) -> str:
        """Keep a record (bytes, or anything that JSON can say) and return its object's name. Durable before it returns.

        `record_id` is the record's own id in `source`; without one it is the hash of the record. `at` is when it came in,
        by the source's clock: a record that is delivered again gets the same name. Raises StoreUnavailable, or TooLarge for
        what is nested too deep to be written down.
        """
        body = record if isinstance(record, bytes) else _json(record)
        text, base64 = _readable(body)
        at = _in_utc(at)
        own = record_id or sha256(body).hexdigest()
        kept = SetAside(_sayable(own), self._handler, _sayable(source), _sayable(reason), text, base64, at)
        day = at.strftime("%Y-%m-%d") if at else UNDATED
        name = f"{_plain(self._handler)}/{day}/{_plain(own)}.json"
        self._objects.create(name, msgspec.json.encode(kept))  # or it is there, from an earlier delivery
        return name

    def names(self, day: date | None = None) -> Iterator[str]:
        """The names of what this handler has set aside, by day; that of one day (UTC) only."""
        return self._objects.names(f"{_plain(self._handler)}/" + (f"{day}/" if day else ""))

    def show(self, name: str) -> SetAside:
        """One of them. Raises IntegrityError for a name that is not there, or for what was not set aside here."""
        try:
            return msgspec.json.decode(self._objects.get(name), type=SetAside)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise IntegrityError(f"{name} is not what was set aside: {error}") from error


def _in_utc(at: datetime | None) -> datetime | None:
    """None for a time that is none in UTC, before the year 1 or after 9999: a stranger said it."""
    try:
        return at.astimezone(UTC) if at else None
    except OverflowError:
        return None


def _json(record: object) -> bytes:
    """The record's JSON. Lone surrogates, which JSON's escapes may hold and UTF-8 may not, stay escaped."""
    try:
        return msgspec.json.encode(record, enc_hook=repr)
    except (UnicodeError, RecursionError):
        import json  # slower, and takes both

        try:
            return json.dumps(record, default=repr).encode()
        except RecursionError:
            raise TooLarge("the record is nested too deep to be written down.", field="record") from None


def _sayable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _readable(body: bytes) -> tuple[str | None, str | None]:
    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(body).decode()


def _plain(name: str) -> str:
    if len(name) <= NAME_CHARS and _PLAIN.match(name):
        return name
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
