"""Calls to DynamoDB: one table of what can go wrong, one loop that tries again, and nothing is ever half-understood.

botocore's own retries are off: they can't tell a lost reply from a lost race, and know no deadline.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple

from leftfold.core.errors import ConfigError, IntegrityError, LeftfoldError, StoreUnavailable, TooLarge

PATIENCE_S: Final = 20.0  # how long a call is tried again before the caller hears of it
UNREACHED_S: Final = 3.0  # the same for an endpoint that has never answered: more likely it is wrong than down
PAUSE_S: Final = 0.02  # the first pause at most; it doubles, with jitter, up to MAX_PAUSE_S
MAX_PAUSE_S: Final = 2.0
BATCH_GET: Final = 100  # keys a BatchGetItem (API reference)
BATCH_WRITE: Final = 25  # items a BatchWriteItem (API reference)

Item = dict[str, dict[str, Any]]
"""An item as the API has it: `{"p": {"S": "..."}, "s": {"N": "1"}}`."""

Verdict = Literal["condition", "again", "gone", "missing", "denied", "expired", "too large", "wrong"]
"""What a failure calls for. `again` may have been applied or not: whoever retries must recognise its own write."""

VERDICTS: Final[dict[str, Verdict]] = {
    "ConditionalCheckFailedException": "condition",
    "TransactionConflictException": "again",  # a single write met a transaction on its item
    "TransactionInProgressException": "again",  # our own transaction, sent twice
    "ProvisionedThroughputExceededException": "again",
    "ThrottlingException": "again",
    "Throttling": "again",
    "RequestLimitExceeded": "again",
    "LimitExceededException": "again",
    "InternalServerError": "again",
    "InternalFailure": "again",
    "ServiceUnavailable": "again",
    "ServiceUnavailableException": "again",
    "RequestTimeout": "again",
    "RequestTimeoutException": "again",
    "TransactionConflict": "again",  # from here on: reasons of a cancelled transaction
    "ConditionalCheckFailed": "condition",
    "ThrottlingError": "again",
    "ProvisionedThroughputExceeded": "again",
    "TrimmedDataAccessException": "gone",
    "ExpiredIteratorException": "gone",
    "ResourceNotFoundException": "missing",
    "TableNotFoundException": "missing",
    "AccessDeniedException": "denied",
    "UnrecognizedClientException": "denied",
    "InvalidSignatureException": "denied",
    "InvalidClientTokenId": "denied",
    "MissingAuthenticationTokenException": "denied",
    "IncompleteSignatureException": "denied",
    "ExpiredTokenException": "expired",
    "ExpiredToken": "expired",
    "RequestExpired": "expired",
    "ItemCollectionSizeLimitExceededException": "too large",
}


class _Raised(NamedTuple):
    """What botocore raises, by what it means here."""

    refused: type[Exception]
    failure: type[Exception]
    unsent: tuple[type[Exception], ...]
    expired: tuple[type[Exception], ...]
    unreached: tuple[type[Exception], ...]
    network: tuple[type[Exception], ...]


@cache
def _raised() -> _Raised:
    """Asked for once something was raised, botocore being loaded then: a function's init doesn't pay for it."""
    errors: Any = import_module("botocore.exceptions")
    return _Raised(
        refused=errors.ClientError,
        failure=errors.BotoCoreError,
        unsent=(errors.NoCredentialsError, errors.PartialCredentialsError),
        expired=(errors.TokenRetrievalError, errors.CredentialRetrievalError),
        unreached=(errors.EndpointConnectionError, errors.ConnectTimeoutError),
        network=(errors.HTTPClientError, errors.ConnectionError),
    )


class ConditionFailed(Exception):
    """A conditional write found otherwise. `found` is the item that stands there, None when there is none."""

    def __init__(self, found: Item | None) -> None:
        super().__init__("condition failed")
        self.found = found


class Gone(Exception):
    """A stream no longer has the place that was asked for, or the iterator is too old."""


class Cancelled(Exception):
    """A transaction was cancelled by conditions. For each of its writes: whether it was one, and the item found there."""

    def __init__(self, reasons: Sequence[tuple[bool, Item | None]]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons


class Calls:
    """A low-level client with our retries. `call("put_item", TableName=...)` answers, or raises one of few errors.

    Raises ConditionFailed, Cancelled, Gone; StoreUnavailable when PATIENCE_S is used up; ConfigError, TooLarge,
    IntegrityError for what no retry mends.
    """

    def __init__(
        self,
        client: Any,
        *,
        where: str = "DynamoDB",
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.client, self._where, self._patience_s = client, where, patience_s
        self._sleep, self._now = sleep, now
        self._reached = False

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        begun = self._now()
        give_up = begun + self._patience_s
        method, tries = getattr(self.client, operation), 0
        while True:
            try:
                answer: dict[str, Any] = method(**parameters)
                self._reached = True
                return answer
            except _raised().refused as error:
                self._reached = True
                trouble = self._judged(error, operation, parameters)
            except _raised().failure as error:
                trouble = self._unanswered(error)
                if isinstance(error, _raised().unreached) and not self._reached:
                    give_up = min(give_up, begun + UNREACHED_S)
            tries += 1
            pause = random.uniform(0, min(MAX_PAUSE_S, PAUSE_S * 2**tries))
            if self._now() + pause > give_up:
                raise trouble
            self._sleep(pause)
            if self._now() > give_up:  # a frozen process wakes up late: what it sent now would be stamped too early
                raise trouble

    def query(self, **parameters: Any) -> Iterator[Item]:
        """Every item that a Query finds, through all its pages: a page ends at 1 MB, whatever was asked for."""
        while True:
            page = self.call("query", **parameters)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def get(self, table: str, keys: Sequence[Item], *, consistent: bool = True) -> list[Item]:
        """The items of these keys that exist, in no order. Keys that were left out are asked for again."""
        found: list[Item] = []
        waiting, tries = list(keys), 0
        while waiting:
            asked, waiting = waiting[:BATCH_GET], waiting[BATCH_GET:]
            request = {table: {"Keys": asked, "ConsistentRead": consistent}}
            answer = self.call("batch_get_item", RequestItems=request)
            found += answer["Responses"].get(table, [])
            left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            waiting += left
            tries = self._rest(tries, len(left) == len(asked))
        return found

    def delete(self, table: str, keys: Sequence[Item]) -> None:
        """Remove these items. Those that were left out are removed again."""
        waiting, tries = list(keys), 0
        while waiting:
            asked, waiting = waiting[:BATCH_WRITE], waiting[BATCH_WRITE:]
            requests = [{"DeleteRequest": {"Key": key}} for key in asked]
            answer = self.call("batch_write_item", RequestItems={table: requests})
            left = [one["DeleteRequest"]["Key"] for one in answer.get("UnprocessedItems", {}).get(table, [])]
            waiting += left
            tries = self._rest(tries, len(left) == len(asked))

    def _rest(self, tries: int, in_vain: bool) -> int:
        """Pause after a batch that got nowhere. Returns how many did so in a row."""
        if not in_vain:
            return 0
        if tries * MAX_PAUSE_S > self._patience_s:
            raise self._unavailable("throttled")
        self._sleep(random.uniform(0, min(MAX_PAUSE_S, PAUSE_S * 2**tries)))
        return tries + 1

    def _judged(self, error: Any, operation: str, parameters: dict[str, Any]) -> LeftfoldError:
        """What to raise if no time is left; what can't be mended by trying again is raised here."""
        response = error.response
        code, message = response["Error"].get("Code", ""), response["Error"].get("Message", "")
        if code == "TransactionCanceledException":
            self._judge_reasons(response.get("CancellationReasons", []), message, error)
            return self._unavailable("its items are busy in other transactions, or throttled")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        verdict = VERDICTS.get(code, "again" if status >= 500 else "wrong")
        if verdict == "condition":
            raise ConditionFailed(response.get("Item")) from None
        if verdict == "gone":
            raise Gone(message) from None
        if verdict == "again":
            return self._unavailable(f"{code} for {self._patience_s:g} s")
        raise self._hopeless(verdict, code, message, parameters.get("TableName", "its tables"), operation) from error

    def _judge_reasons(self, reasons: Sequence[dict[str, Any]], message: str, error: Exception) -> None:
        """Raise unless the same transaction may be sent again: only a failed condition is somebody else's doing."""
        verdicts = [VERDICTS.get(one.get("Code", ""), "wrong") for one in reasons if one.get("Code") != "None"]
        if "condition" in verdicts:
            found = [(one.get("Code") == "ConditionalCheckFailed", one.get("Item")) for one in reasons]
            raise Cancelled(found) from None
        for one in reasons:
            if one.get("Code") != "None" and VERDICTS.get(one.get("Code", ""), "wrong") != "again":
                raise self._hopeless("wrong", one["Code"], one.get("Message", message), "", "transaction") from error

    def _hopeless(self, verdict: Verdict, code: str, message: str, table: str, operation: str) -> LeftfoldError:
        """What no retry mends, with its next step."""
        where = self._where
        match verdict:
            case "missing":
                return ConfigError(
                    f"{where}: there is no table {table}. Check name, prefix, region and endpoint; for a trial add "
                    "create=true to the URL, in production deploy the tables first."
                )
            case "denied":
                return ConfigError(
                    f"{where}: not allowed: {operation} on {table} ({code}: {message}). Check the credentials, and the "
                    "role's policy: `leftfold doctor` lists what it needs."
                )
            case "expired":
                return StoreUnavailable(f"{where}: the credentials have expired ({code}): renew them, then try again.")
            case _:
                return _invalid(where, code, message, table)

    def _unanswered(self, error: Exception) -> LeftfoldError:
        """As `_judged`, for calls without an answer."""
        if isinstance(error, _raised().unsent):
            raise ConfigError(
                f"{self._where}: no credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or give the function a role."
            ) from error
        if isinstance(error, _raised().expired):
            raise StoreUnavailable(f"{self._where}: no valid credentials: {error}. Log in again.") from error
        if not isinstance(error, _raised().network):
            raise ConfigError(f"{self._where}: {error}.") from error
        if isinstance(error, _raised().unreached) and not self._reached:
            return StoreUnavailable(f"{self._where} can't be reached: {error}. Check endpoint, region and network.")
        return self._unavailable(f"{type(error).__name__}: {error}")

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._where} can't answer now ({why}); nothing was acknowledged, the same call may be made again."
        )


def _invalid(where: str, code: str, message: str, table: str) -> LeftfoldError:
    """A request that DynamoDB refuses as such: which of our promises, or whose table, is wrong?"""
    lower = message.lower()
    if "item size" in lower or "maximum allowed size" in lower or "too large" in lower or "collection size" in lower:
        return TooLarge(
            f"{where}: over what one write can hold ({message}). Record fewer or smaller events at once, or add "
            "objects= to the URL, so that large bodies go to an object store.",
            field="commit",
        )
    if "key element" in lower or "type mismatch for key" in lower or "missing the key" in lower or "schema" in lower:
        return ConfigError(
            f"{where}: {table} has another key schema than leftfold's ({message}): it is somebody else's table. "
            "Choose another name or prefix."
        )
    return IntegrityError(f"{where} refused a request as malformed ({code}: {message}): please report it.")
