"""Many small records in one of Kinesis's, in the format of its Producer Library (KPL), read and written by hand.

F3 89 9A C2 | AggregatedRecord, a protobuf message | MD5 of the message

AggregatedRecord   1 partition keys (text, repeated)   2 explicit hash keys (text, repeated)   3 records (repeated)
Record             1 index of its key   2 index of its hash key, if it has one   3 data   4 tags, which nobody writes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import md5
from typing import Final

from msgspec import Struct

MAGIC: Final = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES: Final = 16  # of an MD5
AGGREGATE_BYTES: Final = 1024 * 1024  # what every consumer of this format accepts, and once was Kinesis's own limit
VARINT_BYTES: Final = 10  # of a whole number of 64 bits

_KEY, _HASH_KEY, _RECORD = 0x0A, 0x12, 0x1A  # a field's number and its kind, as they stand before it
_KEY_INDEX, _HASH_KEY_INDEX, _DATA = 0x08, 0x10, 0x1A
_FIXED: Final = {1: 8, 5: 4}  # kinds of field that have one length


class UserRecord(Struct, frozen=True, gc=False):
    """One record of an aggregate. `hash_key` is the explicit hash key, where it has one."""

    key: str
    data: bytes
    hash_key: str | None = None


class _Damaged(Exception):
    """The message is not what its digest promised."""


# writing


def aggregate(records: Iterable[UserRecord]) -> bytes:
    """The records as one, in their order."""
    message = _Message()
    for record in records:
        message.add(record)
    return message.sealed()


def batches(records: Iterable[UserRecord], limit: int = AGGREGATE_BYTES) -> Iterator[list[UserRecord]]:
    """The records in their order, cut so that the aggregate of each batch has `limit` bytes at the most.

    A record that is over the limit by itself comes alone, for the caller to judge.
    """
    batch, message = list[UserRecord](), _Message()
    for record in records:
        if batch and message.size + message.cost(record) > limit:
            yield batch
            batch, message = [], _Message()
        batch.append(record)
        message.add(record)
    if batch:
        yield batch


class _Message:
    """An AggregatedRecord that grows: two tables, in which a key stands once, and the records."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}
        self._hash_keys: dict[str, int] = {}
        self._parts = [bytearray(), bytearray(), bytearray()]

    @property
    def size(self) -> int:
        return len(MAGIC) + sum(map(len, self._parts)) + DIGEST_BYTES

    def add(self, record: UserRecord) -> None:
        for part, more in zip(self._parts, self._more(record), strict=True):
            part += more
        self._keys.setdefault(record.key, len(self._keys))
        if record.hash_key is not None:
            self._hash_keys.setdefault(record.hash_key, len(self._hash_keys))

    def cost(self, record: UserRecord) -> int:
        """The bytes that one more record would add."""
        return sum(map(len, self._more(record)))

    def sealed(self) -> bytes:
        message = b"".join(self._parts)
        return MAGIC + message + _digest(message)

    def _more(self, record: UserRecord) -> tuple[bytes, bytes, bytes]:
        """What a record adds to each part."""
        key = hash_key = hash_index = b""
        if record.key not in self._keys:
            key = _field(_KEY, record.key.encode())
        if record.hash_key is not None:
            if record.hash_key not in self._hash_keys:
                hash_key = _field(_HASH_KEY, record.hash_key.encode())
            hash_index = _number(_HASH_KEY_INDEX, self._hash_keys.get(record.hash_key, len(self._hash_keys)))
        index = _number(_KEY_INDEX, self._keys.get(record.key, len(self._keys)))
        return key, hash_key, _field(_RECORD, index + hash_index + _field(_DATA, record.data))


def _number(tag: int, number: int) -> bytes:
    return bytes((tag,)) + _varint(number)


def _field(tag: int, data: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _digest(message: bytes) -> bytes:
    return md5(message, usedforsecurity=False).digest()


# reading


def deaggregate(data: bytes) -> list[UserRecord] | None:
    """The records in an aggregate, in their order; None for anything else, and for a damaged one: a record as it is."""
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + DIGEST_BYTES:
        return None
    message = data[len(MAGIC) : -DIGEST_BYTES]
    if _digest(message) != data[-DIGEST_BYTES:]:
        return None
    try:
        return _records(message)
    except (_Damaged, IndexError, UnicodeDecodeError):
        return None


def _records(message: bytes) -> list[UserRecord]:
    keys, hash_keys, records = list[str](), list[str](), list[bytes]()
    for tag, _, value in _fields(message):
        if tag == _KEY:
            keys.append(value.decode())
        elif tag == _HASH_KEY:
            hash_keys.append(value.decode())
        elif tag == _RECORD:
            records.append(value)
    return [_record(one, keys, hash_keys) for one in records]


def _record(message: bytes, keys: Sequence[str], hash_keys: Sequence[str]) -> UserRecord:
    key = hash_key = data = None
    for tag, number, value in _fields(message):
        if tag == _KEY_INDEX:
            key = keys[number]
        elif tag == _HASH_KEY_INDEX:
            hash_key = hash_keys[number]
        elif tag == _DATA:
            data = value
    if key is None or data is None:
        raise _Damaged
    return UserRecord(key, data, hash_key)


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each field's tag, and the number or the bytes that it holds. One that is not known here passes by, as in protobuf."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _read(message, at)
        kind, number, length = tag & 7, 0, 0
        if kind in (0, 2):
            number, at = _read(message, at)
            length = number if kind else 0
        else:
            length = _FIXED.get(kind, end)
        if tag < 8 or length > end - at:
            raise _Damaged
        yield tag, number, message[at : at + length]
        at += length


def _read(message: bytes, at: int) -> tuple[int, int]:
    """A whole number of variable length, and where it ends. An IndexError where the message ends within it."""
    byte = message[at]
    if byte < 0x80:
        return byte, at + 1
    number = shift = 0
    for place in range(at, at + VARINT_BYTES):
        byte = message[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise _Damaged
