"""Each fault of AWS as a client meets it: the error replies byte for byte as botocore parses them, the broken wires.

What is cut short (`PARTIAL`), and which entries fail (`entries_failed`), is decided before the request is signed; all
else where it would be sent.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.testbed.calls import Call

Send = Callable[[], Any]  # really sends the request; gives botocore's AWSResponse
Act = Callable[[Call, Any, Send], Any]  # (call, prepared request, send): a response, or raises as the wire would
Which = Callable[[int, int], bool]  # (an entry's index, how many there are)

TRANSACTIONS: Final = frozenset({"TransactWriteItems", "TransactGetItems"})
SINGLE_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
BATCHES: Final = frozenset({"BatchWriteItem", "BatchGetItem"})
ENTRIES: Final = {"PutEvents": "Entries", "PutRecords": "Records"}  # where the entries stand, in call and answer
FAILED: Final = {"PutEvents": "FailedEntryCount", "PutRecords": "FailedRecordCount"}
REASONS: Final = {  # the code of a cancelled transaction's item: what AWS says beside it
    "TransactionConflict": "Transaction is ongoing for the item",
    "ThrottlingError": "Throughput exceeds the current capacity for one or more tables. DynamoDB is automatically"
    " scaling your tables so please try again shortly.",
    "ProvisionedThroughputExceeded": "The level of configured provisioned throughput for the table was exceeded.",
    "ConditionalCheckFailed": "The conditional request failed",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of bad weather; `operations` are those that it can befall, all when empty."""

    name: str
    act: Act
    operations: frozenset[str] = frozenset()
    cuts: bool = False  # a batch is cut before it is sent
    fails: Which | None = None  # entries of a call that are refused one by one: they are taken out before it is sent
    code: str = ""  # what is said of them

    def fits(self, call: Call) -> bool:
        if self.operations and call.operation not in self.operations:
            return False
        if self.fails is not None:
            return len(failing(self.fails, len(call.parameters[ENTRIES[call.operation]]))) > 0
        # A batch of which nothing at all is done is throttled, not partial.
        return not self.cuts or len(batch_of(call.parameters["RequestItems"])) > 1


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def reply(request: Any, status: int, body: bytes, content_type: str = "application/x-amz-json-1.0") -> Any:
    from botocore.awsrequest import AWSResponse

    headers = {"content-type": content_type, "x-amzn-requestid": str(uuid.uuid4()), "content-length": str(len(body))}
    return AWSResponse(request.url, status, headers, _Body(body))


def refusal(request: Any, status: int, code: str, message: str, **more: object) -> Any:
    """An error as DynamoDB's JSON protocol says it; `code` with its namespace."""
    return reply(request, status, json.dumps({"__type": code, "message": message, **more}).encode())


def _refuses(status: int, code: str, message: str) -> Act:
    return lambda call, request, send: refusal(request, status, code, message)


def _breaks(exception: str, **more: str) -> Act:
    def act(call: Call, request: Any, send: Send) -> Any:
        raise _broken(exception, request, **more)

    return act


def _broken(exception: str, request: Any, **more: str) -> Exception:
    import botocore.exceptions

    fault: Exception = getattr(botocore.exceptions, exception)(endpoint_url=request.url, **more)
    return fault


def _loses(then: Act) -> Act:
    """The server hears and does it; of its answer the client learns nothing."""

    def act(call: Call, request: Any, send: Send) -> Any:
        send()
        return then(call, request, send)

    return act


DYNAMODB: Final = "com.amazonaws.dynamodb.v20120810#"
CORAL: Final = "com.amazon.coral.service#"
_internal = _refuses(500, f"{DYNAMODB}InternalServerError", "Internal server error")

THROTTLED: Final = Fault(
    "throttled",
    _refuses(
        400,
        f"{DYNAMODB}ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded. Consider increasing your"
        " provisioning level with the UpdateTable API.",
    ),
)
THROTTLING: Final = Fault(
    "throttling",
    _refuses(
        400, "com.amazon.coral.availability#ThrottlingException", "Rate of requests exceeds the allowed throughput."
    ),
)
INTERNAL: Final = Fault("internal", _internal)
UNAVAILABLE: Final = Fault(
    "unavailable",
    _refuses(503, f"{CORAL}ServiceUnavailable", "The service is currently unavailable or busy."),
)
BAD_GATEWAY: Final = Fault(
    "bad gateway",
    lambda call, request, send: reply(request, 502, b"<html><body>502 Bad Gateway</body></html>", "text/html"),
)
CONNECT_TIMEOUT: Final = Fault("connect timeout", _breaks("ConnectTimeoutError"))
CONNECTION_REFUSED: Final = Fault(
    "connection refused", _breaks("EndpointConnectionError", error="[Errno 111] Connection refused")
)
CONNECTION_RESET: Final = Fault("connection reset", _breaks("ConnectionClosedError"))
READ_TIMEOUT: Final = Fault("read timeout", _breaks("ReadTimeoutError"))  # before the server had the request

LOST_TIMEOUT: Final = Fault("lost: read timeout", _loses(_breaks("ReadTimeoutError")))
LOST_CLOSED: Final = Fault("lost: connection closed", _loses(_breaks("ConnectionClosedError")))
LOST_INTERNAL: Final = Fault("lost: internal", _loses(_internal))

EXPIRED_TOKEN: Final = Fault(
    "expired token",
    _refuses(400, f"{CORAL}ExpiredTokenException", "The security token included in the request is expired"),
)
UNRECOGNIZED_CLIENT: Final = Fault(
    "unrecognized client",
    _refuses(400, f"{CORAL}UnrecognizedClientException", "The security token included in the request is invalid."),
)


def _deny(call: Call, request: Any, send: Send) -> Any:
    message = (
        f"User: arn:aws:iam::000000000000:user/test is not authorized to perform: {call.service}:{call.operation}"
        f" on resource: {call.parameters.get('TableName', '*')} because no identity-based policy allows the action"
    )
    return refusal(request, 400, f"{CORAL}AccessDeniedException", message)


ACCESS_DENIED: Final = Fault("access denied", _deny)
IN_PROGRESS: Final = Fault(
    "in progress",
    _refuses(
        400,
        f"{DYNAMODB}TransactionInProgressException",
        "The transaction with the given request token is already in progress.",
    ),
    frozenset({"TransactWriteItems"}),
)


def cancelled(*codes: str | None) -> Fault:
    """A transaction called off for these reasons, item by item; None, and every item left over, had no part in it."""
    name = "cancelled: " + ", ".join(code or "None" for code in codes)
    return Fault(name, lambda call, request, send: _cancel(call, request, codes), TRANSACTIONS)


def _cancel(call: Call, request: Any, codes: tuple[str | None, ...]) -> Any:
    items = len(call.parameters["TransactItems"])
    told = [code or "None" for code in codes][:items]
    told += ["None"] * (items - len(told))
    message = "Transaction cancelled, please refer cancellation reasons for specific reasons [" + ", ".join(told) + "]"
    reasons = [{"Code": code, "Message": REASONS[code]} if code in REASONS else {"Code": code} for code in told]
    code = f"{DYNAMODB}TransactionCanceledException"
    return refusal(request, 400, code, message, CancellationReasons=reasons)


def _conflict(call: Call, request: Any, send: Send) -> Any:
    if call.operation in TRANSACTIONS:
        return _cancel(call, request, ("TransactionConflict",))
    code = f"{DYNAMODB}TransactionConflictException"
    return refusal(request, 400, code, "Transaction is ongoing for the item")


CONFLICT: Final = Fault("conflict", _conflict, TRANSACTIONS | SINGLE_WRITES)
CANCELLED_THROTTLED: Final = replace(cancelled("ThrottlingError"), name="cancelled: throttled")


def meanwhile(action: Callable[[], object], name: str = "meanwhile") -> Fault:
    """No fault of AWS: somebody else's `action` happens just before this request arrives."""

    def act(call: Call, request: Any, send: Send) -> Any:
        action()
        return send()

    return Fault(name, act)


PARTIAL: Final = Fault("partial", lambda call, request, send: send(), BATCHES, cuts=True)
Entry = tuple[str, Any]  # (table, a write request or a key)


def batch_of(request_items: Mapping[str, Any]) -> list[Entry]:
    """The entries of a batch's RequestItems, UnprocessedItems or UnprocessedKeys, each with its table."""
    return [
        (table, entry)
        for table, asked in request_items.items()
        for entry in (asked if isinstance(asked, list) else asked["Keys"])
    ]


def request_items(entries: list[Entry], like: Mapping[str, Any]) -> dict[str, Any]:
    """The entries again as RequestItems, each table with the options that it has in `like`."""
    items: dict[str, Any] = {}
    for table, entry in entries:
        asked = like[table]
        if isinstance(asked, list):
            items.setdefault(table, []).append(entry)
        else:
            items.setdefault(table, {**asked, "Keys": []})["Keys"].append(entry)
    return items


def entries_failed(name: str, which: Which, code: str, operation: str) -> Fault:
    """Some entries of a call are refused with `code`, each by itself; the others are taken."""
    return Fault(f"{name}: {code}", _some_failed, frozenset({operation}), fails=which, code=code)


def _some_failed(call: Call, request: Any, send: Send) -> Any:
    """The call as it was cut; where no entry is left, the answer that the service would give."""
    if len(call.refused) < len(call.parameters[ENTRIES[call.operation]]):
        return send()
    return reply(request, 200, json.dumps({ENTRIES[call.operation]: []}).encode())


def failing(which: Which, count: int) -> list[int]:
    return [index for index in range(count) if which(index, count)]


def with_failed(operation: str, parsed: dict[str, Any], failed: list[int], code: str) -> None:
    """The answer to a call that was cut, as if these entries had been in it."""
    answers = list(parsed[ENTRIES[operation]])
    for index in failed:
        answers.insert(index, {"ErrorCode": code, "ErrorMessage": f"{code}, as ordered"})
    parsed[ENTRIES[operation]] = answers
    parsed[FAILED[operation]] = sum("ErrorCode" in answer for answer in answers)


def _patterns(operation: str, *codes: str) -> tuple[Fault, ...]:
    which: dict[str, Which] = {
        "first failed": lambda index, count: index == 0,
        "last failed": lambda index, count: index == count - 1,
        "odd failed": lambda index, count: index % 2 == 1,
        "all but one failed": lambda index, count: index != count // 2,
        "all failed": lambda index, count: True,
    }
    return tuple(entries_failed(name, each, code, operation) for name, each in which.items() for code in codes)


EVENTS_FAILED: Final = _patterns("PutEvents", "ThrottlingException", "InternalFailure")
RECORDS_FAILED: Final = _patterns("PutRecords", "ProvisionedThroughputExceededException", "InternalFailure")
