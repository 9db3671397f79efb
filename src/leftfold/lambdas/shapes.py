"""The shapes in which AWS calls a function: which one an event has, and its records, each parsed by itself.

Only what is used is read; what AWS adds later does no harm. A record of a wrong shape raises Malformed: nothing else here
raises, whatever comes in.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast
from urllib.parse import unquote

import msgspec
from msgspec import Struct, field

if TYPE_CHECKING:
    from leftfold.requests.http import Request

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FUNCTION_URL: Final = ".lambda-url."  # in the domain of one

Kind = Literal["http", "sqs", "dynamodb", "kinesis", "eventbridge", "schedule", "direct", "other"]


class Malformed(Exception):
    """An event or a record that has not the shape it should have.

    `reason` is ours and quotes no payload: it is logged. `detail`, which may, is only kept beside the record.
    """

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail or reason


class Message(Struct, frozen=True):
    """One SQS message."""

    id: str
    body: str
    attributes: dict[str, str]
    notes: dict[str, str]
    queue: str
    sent_at: datetime | None


class Change(Struct, frozen=True):
    """One record of a DynamoDB stream. `keys` and `image` are in DynamoDB's own form: `{"p": {"S": "..."}}`."""

    sequence: str
    name: Literal["INSERT", "MODIFY", "REMOVE"]
    keys: dict[str, Any]
    image: dict[str, Any] | None
    old_image: dict[str, Any] | None
    table: str
    at: datetime | None


class Reading(Struct, frozen=True):
    """One Kinesis record, its data decoded."""

    shard: str
    sequence: str
    partition_key: str
    data: bytes
    stream: str
    at: datetime | None


class Fact(Struct, frozen=True):
    """One event of EventBridge."""

    id: str
    source: str
    detail_type: str
    detail: Any
    at: datetime | None


class _Message(Struct, rename="camel"):
    message_id: str
    body: str
    attributes: dict[str, str] = {}
    message_attributes: dict[str, Any] = {}
    source: str = field(default="", name="eventSourceARN")


class _Stream(Struct):
    sequence: str = field(name="SequenceNumber")
    keys: dict[str, Any] = field(name="Keys")
    image: dict[str, Any] | None = field(default=None, name="NewImage")
    old_image: dict[str, Any] | None = field(default=None, name="OldImage")
    at: float | None = field(default=None, name="ApproximateCreationDateTime")


class _Change(Struct):
    dynamodb: _Stream
    name: Literal["INSERT", "MODIFY", "REMOVE"] = field(name="eventName")
    source: str = field(default="", name="eventSourceARN")


class _Data(Struct, rename="camel"):
    sequence_number: str
    partition_key: str
    data: str
    at: float | None = field(default=None, name="approximateArrivalTimestamp")


class _Reading(Struct):
    kinesis: _Data
    id: str = field(default="", name="eventID")
    source: str = field(default="", name="eventSourceARN")


class _Fact(Struct):
    source: str
    detail: Any
    detail_type: str = field(name="detail-type")
    id: str = ""
    time: datetime | None = None


class _Call(Struct):
    method: str
    path: str


class _Context(Struct, rename="camel"):
    http: _Call
    authorizer: dict[str, Any] | None = None
    stage: str = "$default"
    domain_name: str = ""


class _Web(Struct, rename="camel"):
    request_context: _Context
    raw_path: str
    raw_query_string: str = ""
    headers: dict[str, str] = {}
    body: str | None = None
    is_base64_encoded: bool = False


class Trigger(Struct, Generic[T_co], frozen=True):
    """How one kind of delivery is read: its records' parser, and whether their order matters.

    `ordered`: all of it; `lane` names what a record keeps its order with, where only some do.
    """

    kind: Kind
    parse: Callable[[Any], T_co]
    record_id: Callable[[Any], str]
    at: Callable[[Any], datetime | None]
    ordered: bool = False
    lane: Callable[[Any], str] = lambda raw: ""


def kind_of(event: object) -> Kind:
    """Which trigger made this event: `other` for records that nothing here reads, `direct` for no shape of AWS's.

    A batch is known by the first record that says where it is from.
    """
    known = _table(event)
    if isinstance(known.get("Records"), list):
        for record in records_of(event):
            source = _table(record).get("eventSource")
            if isinstance(source, str) and source in _SOURCES:
                return _SOURCES[source]
        return "other"
    if "requestContext" in known or "rawPath" in known:
        return "http"
    if "detail-type" in known and "source" in known:
        return "schedule" if known["source"] in ("aws.events", "aws.scheduler") else "eventbridge"
    return "direct"


def records_of(event: Any) -> list[Any]:
    """The records of a delivery, as they came; a list of the event itself where it holds none."""
    records: Any = _table(event).get("Records")
    return records if isinstance(records, list) else [event]  # pyright: ignore[reportUnknownVariableType]


def message(raw: Any) -> Message:
    """An SQS message."""
    read = _convert(raw, _Message)
    notes = {name: value for name, one in read.message_attributes.items() if (value := _string_value(one)) is not None}
    sent_at = _time(read.attributes.get("SentTimestamp"), per_s=1000)
    return Message(read.message_id, read.body, read.attributes, notes, read.source, sent_at)


def change(raw: Any) -> Change:
    """A record of a DynamoDB stream."""
    read = _convert(raw, _Change)
    inner = read.dynamodb
    return Change(inner.sequence, read.name, inner.keys, inner.image, inner.old_image, read.source, _time(inner.at))


def reading(raw: Any) -> Reading:
    """A Kinesis record."""
    read = _convert(raw, _Reading)
    inner = read.kinesis
    shard = read.id.partition(":")[0]
    data = _bytes(inner.data, "kinesis.data")
    return Reading(shard, inner.sequence_number, inner.partition_key, data, read.source, _time(inner.at))


def fact(raw: Any) -> Fact:
    """An event of EventBridge."""
    read = _convert(raw, _Fact)
    return Fact(read.id, read.source, read.detail_type, read.detail, _utc(read.time))


def web(raw: Any) -> Request:
    """A request of an HTTP API (payload 2.0) or a function URL. Only the latter leaves the path as the caller encoded it."""
    from leftfold.requests.http import Request  # what serves no web needn't load it

    read = _convert(raw, _Web)
    context, body = read.request_context, read.body or ""
    path = unquote(read.raw_path) if FUNCTION_URL in context.domain_name else read.raw_path
    stage = f"/{context.stage}"
    if context.stage != "$default" and f"{path}/".startswith(f"{stage}/"):  # a domain of one's own leaves it out
        path = path.removeprefix(stage)
    return Request(
        context.http.method.upper(),
        path,
        read.raw_query_string,
        {name.lower(): value for name, value in read.headers.items()},
        _bytes(body, "body") if read.is_base64_encoded else body.encode("utf-8", "surrogatepass"),
        _claims(context.authorizer),
    )


def _claims(authorizer: dict[str, Any] | None) -> dict[str, Any]:
    """What an authorizer says of the caller: a JWT's claims, a Lambda authorizer's context, or IAM's identity."""
    for kind in authorizer or {}:
        inner = (authorizer or {})[kind]
        if isinstance(inner, dict):
            claims = cast("dict[str, Any]", inner)
            return claims["claims"] if isinstance(claims.get("claims"), dict) else claims
    return {}


def _string_value(attribute: Any) -> str | None:
    value = _table(attribute).get("stringValue")
    return value if isinstance(value, str) else None


def _convert(raw: Any, shape: type[T]) -> T:
    """A record by its shape."""
    try:
        return msgspec.convert(raw, shape)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise Malformed(told(error)) from None


_TELLABLE = re.compile(
    r"(Expected `[^`]*`, got `[^`]*`|Object missing required field `[^`]*`|Expected `[^`]*`)( - at `[^`]*`)?\Z"
)
_PATH = re.compile(r" - at `(\$[^`]*)`\Z")


def told(error: Exception) -> str:
    """What msgspec says of a wrong shape, without the values that it may quote."""
    text = str(error)
    if _TELLABLE.match(text):
        return text
    path = _PATH.search(text)
    return f"it does not fit{f' - at `{path[1]}`' if path else ''}"


def _bytes(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is no base64") from None


def _time(value: Any, *, per_s: int = 1) -> datetime | None:
    """A time that a source told, in seconds or milliseconds; None for what is none."""
    try:
        return datetime.fromtimestamp(float(value) / per_s, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _utc(at: datetime | None) -> datetime | None:
    """AWS tells times in UTC; one without a zone is taken as such."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _inside(raw: Any, *path: str) -> Any:
    """What stands at a path of keys; None where there is nothing."""
    for name in path:
        raw = _table(raw).get(name)
    return raw


def _table(value: object) -> dict[str, object]:
    """A JSON object as it is; an empty one for whatever is none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _text(*path: str) -> Callable[[Any], str]:
    def find(raw: Any) -> str:
        found = _inside(raw, *path)
        return found if isinstance(found, str) else ""

    return find


def _at(*path: str, per_s: int = 1) -> Callable[[Any], datetime | None]:
    return lambda raw: _time(_inside(raw, *path), per_s=per_s)


def _iso(raw: Any) -> datetime | None:
    try:
        return _utc(msgspec.convert(_inside(raw, "time"), datetime))
    except (msgspec.ValidationError, UnicodeError):
        return None


SQS: Final = Trigger(
    "sqs",
    message,
    _text("messageId"),
    _at("attributes", "SentTimestamp", per_s=1000),
    lane=_text("attributes", "MessageGroupId"),  # of a FIFO queue
)
DYNAMODB: Final = Trigger(
    "dynamodb",
    change,
    _text("dynamodb", "SequenceNumber"),
    _at("dynamodb", "ApproximateCreationDateTime"),
    ordered=True,
)
KINESIS: Final = Trigger(
    "kinesis", reading, _text("kinesis", "sequenceNumber"), _at("kinesis", "approximateArrivalTimestamp"), ordered=True
)
EVENTBRIDGE: Final = Trigger("eventbridge", fact, _text("id"), _iso)

_SOURCES: Final[dict[str, Kind]] = {"aws:sqs": "sqs", "aws:dynamodb": "dynamodb", "aws:kinesis": "kinesis"}
