"""Problems: what an error means to a caller, by RFC 9457. The one place that maps errors to answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from msgspec import Struct

from leftfold.core.errors import (
    Conflict,
    Contention,
    LeftfoldError,
    Rejected,
    StaleRead,
    StoreUnavailable,
    TooLarge,
)

RETRY_AFTER_S: Final = 1  # a throttled table or a lagging view is usually right again by then
SUGGESTIONS_FROM: Final = 0.6  # how like a known name must be to be worth saying: difflib's own default

TITLES: Final = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

Kind = Literal["refused", "rejected", "unknown", "conflict", "stale", "unavailable", "fault"]


class Problem(Struct, frozen=True, omit_defaults=True):
    """The members of a problem's JSON. `kind` is for programs, `error` the class, `detail` for people."""

    title: str
    status: int
    detail: str
    kind: Kind
    error: str
    field: str | None = None
    limit: int | None = None
    stream: str | None = None
    expected: int | None = None
    actual: int | None = None
    behind: int | None = None
    blocked_by: str | None = None
    suggestion: str | None = None


class Refusal(Exception):
    """A request that has its problem already."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem(status: int, kind: Kind, error: str, detail: str) -> Problem:
    """A problem with no more to say than this."""
    return Problem(TITLES[status], status, _plain(detail), kind, error)


def wrong(status: int, detail: str, *, field: str | None = None, limit: int | None = None) -> Refusal:
    """Bad input that was found here."""
    return Refusal(msgspec.structs.replace(problem(status, "rejected", "Rejected", detail), field=field, limit=limit))


def unknown(what: str, name: str, known: Iterable[str]) -> Refusal:
    """A name that is none, with the known one that it is most like."""
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(name, names, 1, SUGGESTIONS_FROM)
    close = close or [one for one in names if one.lower() == name.lower()]
    if close:
        say = f"did you mean {close[0]!r}?"
    else:
        say = f"known: {', '.join(names[:20]) or 'none'}."
    made = problem(404, "unknown", "Unknown", f"there is no {what} {name[:80]!r}: {say}")
    return Refusal(msgspec.structs.replace(made, suggestion=close[0] if close else None))


def judge(error: Exception, refusals: tuple[type[Exception], ...] = ()) -> Problem:
    """What an error is to the caller. `refusals` are the domain's own; what nobody foresaw is a fault, without details."""
    match error:
        case Refusal():
            return error.problem
        case _ if refusals and isinstance(error, refusals):
            return problem(422, "refused", type(error).__name__, _said(error))
        case Contention():
            made = problem(503, "unavailable", "Contention", "too many writers at once: try again.")
            return msgspec.structs.replace(made, stream=error.stream)
        case Conflict():
            made = problem(409, "conflict", "Conflict", str(error))
            return msgspec.structs.replace(made, stream=error.stream, expected=error.expected, actual=error.actual)
        case StaleRead():
            made = problem(503, "stale", "StaleRead", f"view {error.view!r} has not seen this write yet: try again.")
            return msgspec.structs.replace(made, behind=error.behind, blocked_by=error.blocked_by)
        case Rejected():
            made = problem(413 if isinstance(error, TooLarge) else 422, "rejected", type(error).__name__, str(error))
            return msgspec.structs.replace(made, field=error.field or None, limit=error.limit)
        case StoreUnavailable():
            return problem(503, "unavailable", "StoreUnavailable", "the store can't answer now: try again.")
        case _:
            kind = type(error).__name__ if isinstance(error, LeftfoldError) else "Fault"
            return problem(500, "fault", kind, "the server failed. Its log says more.")


def retryable(problem: Problem) -> bool:
    """Whether the same request may succeed later."""
    return problem.kind in ("unavailable", "stale")


def misfit(error: msgspec.ValidationError) -> Refusal:
    """JSON that is not of its class. Names the field by its path."""
    text = str(error)
    what, _, path = text.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    missing = what.partition("required field `")[2].rstrip("`")
    if missing:
        field = f"{field}.{missing}" if field else missing
    return wrong(422, text, field=field or None)


def _said(error: Exception) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # any: an exception of the user's may not even be able to say what it is
        return type(error).__name__


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
