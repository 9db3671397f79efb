"""Queries by name: rows of views, pages of rows, pages of a stream's events."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from leftfold.app import App
from leftfold.category import Category
from leftfold.core.errors import StaleRead
from leftfold.core.events import Recorded, Unknown
from leftfold.core.streams import Receipt
from leftfold.core.views import Scalar, View
from leftfold.projections.reading import Condition, Reading
from leftfold.requests.problems import unknown, wrong
from leftfold.session import Session

ROWS: Final = 100  # of one answer, where nobody says how many: a screen or two
MOST_ROWS: Final = 1000  # of one answer at most, rows or events
ANSWER_BYTES: Final = 2_000_000  # of the rows in one answer: Lambda carries 6 MB, and its escapes may make three of one
MOST_WAIT_S: Final = 20.0  # API Gateway gives up after 30 s

_encode = msgspec.json.encode


class Asked(Struct, frozen=True, omit_defaults=True):
    """One query as JSON says it, in a direct call. Either `view`, with a `key` or with `find`, or `stream`.

    `find` maps indexes to a value, or to `[low, high]` (low <= value < high, null for open). `after` is a receipt for a
    row, a version for a stream.
    """

    view: str | None = None
    key: str | None = None
    find: dict[str, Scalar | tuple[Scalar | None, Scalar | None]] = {}
    stream: str | None = None
    after: str | int | None = None
    wait: float = 0
    stale: Literal["raise", "allow"] = "raise"
    limit: int = ROWS
    page: str | None = None


class Queries:
    """An app's views and streams by name."""

    def __init__(self, app: App) -> None:
        self._app = app
        # The view of runs is for operators: whose instances there are is nothing that an API tells by itself.
        self._views = {view.name: view for view in app.views if isinstance(view, View) and view is not app.runs}
        self._deciders = {one.category: one for one in app.deciders if not hasattr(one, "boundary")}

    def answer(self, session: Session, asked: Asked, *, left_s: float = MOST_WAIT_S) -> dict[str, Any]:
        """The answer, to be encoded. Raises Refusal for what names nothing, StaleRead, and all that a view raises."""
        if not 1 <= asked.limit <= MOST_ROWS:
            raise wrong(422, f"limit must be from 1 to {MOST_ROWS}.", field="limit", limit=MOST_ROWS)
        if asked.stream is not None:
            return self._events(session, asked.stream, asked)
        if asked.view is None:
            raise wrong(422, "a query names a view or a stream.", field="view")
        view = self._views.get(asked.view)
        if view is None:
            raise unknown("view", asked.view, self._views)
        if asked.key is not None:
            return self._row(session, view, asked.key, asked, left_s)
        return self._found(session, view, asked) if asked.find else self._scanned(session, view, asked)

    def _row(self, session: Session, view: View[Any], key: str, asked: Asked, left_s: float) -> dict[str, Any]:
        if not 0 <= asked.wait <= MOST_WAIT_S:
            raise wrong(422, f"wait must be from 0 to {MOST_WAIT_S:g} seconds.", field="wait", limit=int(MOST_WAIT_S))
        after = Receipt(asked.after) if asked.after else None
        wait_s = min(asked.wait, left_s)
        reading: Reading[Any] = session.view(view).get(key, after=after, wait_s=wait_s, stale="allow")
        if reading.stale and asked.stale == "raise":
            raise StaleRead(view.name, reading.behind, reading.blocked_by)
        return {
            "key": key,
            "row": reading.row,
            "exists": reading.exists,
            "stale": reading.stale,
            "behind": reading.behind,
            "blocked_by": reading.blocked_by,
        }

    def _scanned(self, session: Session, view: View[Any], asked: Asked) -> dict[str, Any]:
        after = _opened(asked.page, str) if asked.page else ""
        rows = session.view(view).scan(after=after)
        return _page(rows, asked.limit, _named, lambda pair: pair[0])

    def _found(self, session: Session, view: View[Any], asked: Asked) -> dict[str, Any]:
        for name in asked.find:
            if name not in view.indexes:
                raise unknown(f"index of view {view.name!r} called", name, view.indexes)
        conditions: dict[str, Condition] = dict(asked.find)
        first = next(iter(conditions))
        index = view.indexes[first]
        if not asked.page:
            rows = session.view(view).find(**conditions)
        else:
            seen: tuple[Scalar, str] = _opened(asked.page, tuple[Scalar, str])
            span = conditions[first]
            if isinstance(span, tuple):
                conditions[first] = (seen[0], span[1])
            rows = _behind(session.view(view).find(**conditions), index, seen)
        return _page(rows, asked.limit, _named, lambda pair: (index(pair[1]), pair[0]))

    def _events(self, session: Session, name: str, asked: Asked) -> dict[str, Any]:
        category, _, key = name.partition("/")
        decider = self._deciders.get(category)
        if decider is None:
            raise unknown("category of keyed streams", category, self._deciders)
        after = asked.after or 0
        if not isinstance(after, int):
            raise wrong(422, "after must be a version: a whole number.", field="after")
        streams = session.category(decider)
        assert isinstance(streams, Category)  # boundary deciders are not among them
        events = streams.events(key, after=after)
        return _page(events, asked.limit, _event, lambda event: event.version, what="events", sealed=False)


def _page(
    things: Iterator[Any],
    limit: int,
    shape: Callable[[Any], dict[str, Any]],
    cursor: Callable[[Any], Any],
    *,
    what: str = "rows",
    sealed: bool = True,
) -> dict[str, Any]:
    """At most `limit` things and ANSWER_BYTES, and where the next page begins: null at the end."""
    taken: list[msgspec.Raw] = []
    size: int = 0
    last: Any = None
    for thing in things:
        encoded = _encode(shape(thing))
        if taken and (len(taken) >= limit or size + len(encoded) > ANSWER_BYTES):
            at = cursor(last)
            return {what: taken, "next": _sealed(at) if sealed else at}
        taken.append(msgspec.Raw(encoded))
        size, last = size + len(encoded), thing
    return {what: taken, "next": None}


def _named(pair: tuple[str, Any]) -> dict[str, Any]:
    return {"key": pair[0], "row": pair[1]}


def _event(event: Recorded[Any]) -> dict[str, Any]:
    data = msgspec.Raw(event.data.payload) if isinstance(event.data, Unknown) else event.data
    return {
        "id": event.id,
        "type": event.type,
        "version": event.version,
        "position": event.position,
        "at": event.at,
        "meta": event.meta,
        "data": data,
    }


def _behind(
    rows: Iterator[tuple[str, Any]], index: Callable[[Any], Scalar | None], seen: tuple[Scalar, str]
) -> Iterator[tuple[str, Any]]:
    """The rows after the one that a page ended with. Rows of one value come in the order of their keys' UTF-8 bytes."""
    value, key = seen
    for one, row in rows:
        if index(row) != value or one.encode() > key.encode():
            yield one, row


def _sealed(cursor: Any) -> str:
    return urlsafe_b64encode(_encode(cursor)).decode().rstrip("=")


def _opened(page: str, shape: Any) -> Any:
    try:
        return msgspec.json.decode(urlsafe_b64decode(page + "=" * (-len(page) % 4)), type=shape)
    except (ValueError, UnicodeError):
        raise wrong(422, "page is none that an answer gave.", field="page") from None
