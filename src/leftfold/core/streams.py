"""Streams: what a consistency key is called, and which names every store can hold."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from leftfold.core.errors import BadKey, Rejected

KEY_BYTES: Final = 1024  # with tenant and category it still fits DynamoDB's 2,048-byte partition key
CATEGORY_BYTES: Final = 64
TENANT_BYTES: Final = 63  # one DNS label, so that it can also name a file, a bucket prefix or a role
COMMAND_ID_BYTES: Final = 512
MAX_COUNT: Final = 2**53 - 1  # what every store and every reader of JSON can count to

_CATEGORY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class StreamId(Struct, frozen=True, order=True):
    """A consistency key: `category/key`. Make one with `stream(category, key)`, which checks both."""

    category: str
    key: str

    def __str__(self) -> str:
        return f"{self.category}/{self.key}"


class Receipt(str):
    """What a command returns and a query may wait for: short, opaque, safe in a header. Empty: nothing to wait for."""

    __slots__ = ()


def stream(category: str, key: str) -> StreamId:
    """A stream by name. Raises BadKey for a name that not every store can hold (see `check_key`)."""
    check_category(category)
    check_key(key)
    return StreamId(category, key)


def parse_stream(text: str) -> StreamId:
    """The inverse of `str(StreamId)`: keys may hold slashes, categories may not."""
    category, _, key = text.partition("/")
    return stream(category, key)


def check_key(key: str, field: str = "key", limit: int = KEY_BYTES) -> None:
    """Refuse an empty key, one over `limit` UTF-8 bytes, control characters (NUL included) and lone surrogates."""
    if not _is_plain(key, limit):
        _check_closely(key, field, limit)


def _is_plain(key: object, limit: int) -> bool:
    """The ordinary case, on the path of every command."""
    return isinstance(key, str) and 0 < len(key) <= limit and key.isascii() and key.isprintable()


def _check_closely(key: object, field: str, limit: int) -> None:
    if not isinstance(key, str):
        raise BadKey(f"{field} must be a str, not {type(key).__name__}", field=field)
    if not key:
        raise BadKey(f"{field} is empty: name the thing that the events belong to", field=field)
    if found := _CONTROL.search(key):
        code = ord(found.group())
        raise BadKey(f"{field} has the character U+{code:04X} at {found.start()}: remove or escape it", field=field)
    if len(key) > limit or len(key.encode()) > limit:
        raise BadKey(
            f"{field} is over {limit} bytes of UTF-8: use a shorter one, or its hash", field=field, limit=limit
        )


def check_count(count: int, field: str) -> None:
    """Refuse a version or position that is no whole number from 0 to MAX_COUNT."""
    if type(count) is not int or not 0 <= count <= MAX_COUNT:
        raise Rejected(f"{field} must be a whole number from 0 to {MAX_COUNT}.", field=field, limit=MAX_COUNT)


def check_category(category: str) -> None:
    """Refuse a category that is not a plain name: letters, digits, `_ . -`, a letter first, 64 characters at most."""
    if not _CATEGORY.match(category) or len(category) > CATEGORY_BYTES:
        raise BadKey(
            f"category {category[:80]!r} must be letters, digits, '_', '.' or '-', a letter first, "
            f"{CATEGORY_BYTES} characters at most",
            field="category",
            limit=CATEGORY_BYTES,
        )


def check_tenant(tenant: str) -> None:
    """Refuse a tenant that is not lower-case letters, digits and hyphens, 63 at most."""
    if not _TENANT.match(tenant) or len(tenant) > TENANT_BYTES:
        raise BadKey(
            f"tenant {tenant[:80]!r} must be lower-case letters, digits and hyphens, {TENANT_BYTES} characters at most",
            field="tenant",
            limit=TENANT_BYTES,
        )
