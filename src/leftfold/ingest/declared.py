"""What an app says of its ingest: how a record is read, which stream it belongs to, and which events it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, Union, cast, get_args, get_origin, overload

from msgspec import Struct

from leftfold.codec.decoders import decoder_of
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.annotations import label, members, returned
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Rejected, StoreUnavailable
from leftfold.core.streams import StreamId, check_key, parse_stream, stream
from leftfold.core.views import check_name

if TYPE_CHECKING:
    from leftfold.aside import SetAside

R = TypeVar("R")

RECORD_ID_BYTES: Final = 512  # as long as a command id: a shard's name and a sequence number take some 100
EVER: Final = datetime.min.replace(tzinfo=UTC)

_MANY: Final = (list, tuple, Sequence)


class Record(Struct, frozen=True, gc=False):
    """One record as its source delivers it. (shard, sequence, sub) is its identity, the same at each delivery.

    `shard` names the source too, where there are several: `sensors/shardId-000000000006`. `sub` counts the records inside
    an aggregated one, from 0. `arrival` is when the source took it in, by the source's clock and with a time zone;
    `datetime.min` where nobody knows. `key` is its partition key.
    """

    shard: str
    sequence: str
    sub: int
    arrival: datetime
    key: str
    data: bytes

    @property
    def id(self) -> str:
        """What the events that come of it carry as their causation id."""
        return f"{self.shard}:{self.sequence}.{self.sub}"

    @classmethod
    def of(cls, kept: SetAside) -> Record:
        """A record that an ingest set aside, to be taken again. Raises Rejected for what has no record's id."""
        shard, _, place = kept.id.rpartition(":")
        sequence, _, sub = place.rpartition(".")
        if not (shard and sequence and sub.isascii() and sub.isdecimal()):
            raise Rejected(f"{kept.id[:200]!r} is no id of a record: it was set aside before it was one.", field="id")
        return cls(shard, sequence, int(sub), kept.at or EVER, "", kept.record)

    @property
    def arrived(self) -> datetime | None:
        """When it came in, if that is known."""
        return self.arrival if self.arrival > EVER else None


class Kept(Struct, frozen=True):
    """A record that was set aside: its id, whether it was late or malformed, and the name of the object."""

    id: str
    kind: str
    object: str


class Taken(Struct, frozen=True):
    """What became of the records of one `take`.

    `records` came in: `taken` of them are in the store as `events` in `commits`, `repeated` ones were in before, `ignored`
    ones mean nothing, `late` and `malformed` ones were set aside (`kept` names the first hundred), `failed` ones were not
    taken. `again` has the first of these in each shard: from there on the shard's records must be taken again.
    `trouble` says why.
    """

    records: int
    taken: int
    commits: int
    events: int
    repeated: int
    ignored: int
    late: int
    malformed: int
    failed: int
    again: dict[str, Record]
    kept: tuple[Kept, ...]
    trouble: str | None


class Made(Struct, frozen=True, gc=False):
    """What a record means: its stream, its events, and how much too late it is."""

    stream: str
    events: Sequence[object]
    late_by: timedelta | None = None


class Unfit(Struct, frozen=True, gc=False):
    """A record that means nothing that could be understood, and why."""

    reason: str


class Ingest(Generic[R]):
    """Records become events: `decode` reads one, `stream` says where it belongs, `to` makes its event or events.

    `decode` is a class, read from the record's data as JSON, or a function of the whole Record. `stream` gives
    `category/key` or a StreamId. `to` gives an event, several, or None for nothing; its annotation names the classes,
    which need not be any decider's. With `late`, a record that arrived more than so long after the time that `at` reads
    from it is set aside. `names` and `upcasts` are for the events, as in a decider. What raises sets the record aside.
    """

    __slots__ = ("_at", "_late", "_read", "_stream", "_to", "name", "names", "types", "upcasts")

    @overload
    def __init__(
        self,
        name: str,
        *,
        decode: type[R],
        stream: Callable[[R], StreamId | str],
        to: Callable[[R], object],
        at: Callable[[R], datetime] | None = None,
        late: timedelta | None = None,
        names: Mapping[type, str] | None = None,
        upcasts: Sequence[Callable[[Any], object]] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        decode: Callable[[Record], R],
        stream: Callable[[R], StreamId | str],
        to: Callable[[R], object],
        at: Callable[[R], datetime] | None = None,
        late: timedelta | None = None,
        names: Mapping[type, str] | None = None,
        upcasts: Sequence[Callable[[Any], object]] = (),
    ) -> None: ...
    def __init__(
        self,
        name: str,
        *,
        decode: type[R] | Callable[[Record], R],
        stream: Callable[[R], StreamId | str],
        to: Callable[[R], object],
        at: Callable[[R], datetime] | None = None,
        late: timedelta | None = None,
        names: Mapping[type, str] | None = None,
        upcasts: Sequence[Callable[[Any], object]] = (),
    ) -> None:
        check_name("ingest", name)
        self.name = name
        self.types = _classes(to)
        self.names, self.upcasts = dict(names or {}), tuple(upcasts)
        if late is not None and at is None:
            raise ConfigError(f"{self!r}: late= needs at=, which reads a record's own time.")
        if late is not None and late < timedelta(0):
            raise ConfigError(f"{self!r}: late= must not be negative.")
        self._read = _reader(decode)
        self._stream, self._to, self._at, self._late = stream, to, at, late

    def made(self, record: Record) -> Made | Unfit:
        """What the record means. Raises StoreUnavailable where one of the user's functions does."""
        made = attempt(self._made, record)
        if not isinstance(made, Failed):
            return made
        if isinstance(made.error, StoreUnavailable):
            raise made.error
        return Unfit(str(made))

    def _made(self, record: Record) -> Made:
        check_key(record.id, "record", RECORD_ID_BYTES)
        read = self._read(record)
        where = self._stream(read)
        where = parse_stream(where) if isinstance(where, str) else stream(where.category, where.key)
        return Made(str(where), _events(self._to(read)), self._late_by(read, record))

    def _late_by(self, read: R, record: Record) -> timedelta | None:
        if self._late is None or self._at is None:
            return None
        late_by = record.arrival - self._at(read) - self._late
        return late_by if late_by > timedelta(0) else None

    def __repr__(self) -> str:
        return f"Ingest({self.name!r})"


def _events(made: object) -> Sequence[object]:
    if isinstance(made, list | tuple):
        return cast("Sequence[object]", made)
    return () if made is None else (made,)


def _reader(decode: type[R] | Callable[[Record], R]) -> Callable[[Record], R]:
    if not isinstance(decode, type):
        return decode
    cls: Any = decode
    try:
        read: Callable[[bytes], Any] = decoder_of(cls).decode
    except TypeError as error:
        raise ConfigError(f"{cls.__qualname__} can't be read from JSON: {error}. Give decode= a function.") from error

    def from_json(record: Record) -> R:
        try:
            found: R = read(record.data)
            return found
        except UNREADABLE as error:
            raise Rejected(f"its data is no {cls.__qualname__}: {error}", field="data") from error

    return from_json


def _classes(to: Callable[..., object]) -> tuple[type, ...]:
    """The event classes in the annotation of what `to` returns."""
    found = tuple(dict.fromkeys(_members(returned(to))))
    if not found or object in found:
        raise ConfigError(f"{label(to)}: annotate what it returns with the event classes that it makes.")
    return found


def _members(annotation: Any) -> list[type]:
    origin = get_origin(annotation)
    if origin is Union or isinstance(annotation, UnionType):
        return [found for part in get_args(annotation) for found in _members(part)]
    if origin in _MANY:
        return _members(get_args(annotation)[0])
    if hasattr(annotation, "__value__"):  # a `type X = ...` alias, Python 3.12 and later
        return _members(annotation.__value__)
    return [one for one in members(annotation) if one is not NoneType]
