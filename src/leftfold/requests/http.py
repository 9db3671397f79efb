"""Commands and queries in HTTP's words, without a framework: a request in, an answer out.

- POST /commands/{category}/{key}/{Command}, or POST /commands/{category}/{Command} where a boundary says the key
- GET /views/{view}/{key}?after=RECEIPT&wait=2&stale=allow
- GET /views/{view}?index=value&other.from=1&other.below=9&limit=100&page=...
- GET /streams/{category}/{key}?after=VERSION&limit=100
- GET /health
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from leftfold.app import App
from leftfold.core.attempt import Failed, attempt
from leftfold.core.views import Scalar
from leftfold.requests import commands, queries
from leftfold.requests.commands import BODY_BYTES, COUNTED, Commands
from leftfold.requests.problems import RETRY_AFTER_S, Problem, judge, problem, retryable, unknown, wrong
from leftfold.requests.queries import Queries
from leftfold.session import Session
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import SILENT, Telemetry, where, words

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

_encode = msgspec.json.encode


class Request(Struct, frozen=True):
    """One request. `path` is decoded, `query` as it came, header names in lower case; `claims` are the caller's, checked."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    claims: Mapping[str, Any] = {}


class Answer(Struct, frozen=True):
    """What goes back: always JSON."""

    status: int
    headers: dict[str, str]
    body: bytes


ActorOf = Callable[[Request], str | None]
SessionOf = Callable[[Request], Session]


class Http:
    """An app over HTTP. `actor` says who asks, from an authorizer's claims; `serves` what is answered here."""

    def __init__(
        self,
        app: App,
        *,
        actor: ActorOf | None = None,
        serves: tuple[str, ...] = ("commands", "views", "streams", "health"),
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._app, self._actor, self._serves, self._telemetry = app, actor, serves, telemetry
        self.commands, self.queries = Commands(app, telemetry), Queries(app)

    def answer(self, session_of: SessionOf, request: Request, *, left_s: float = math.inf) -> Answer:
        """The answer to one request, whatever it is. Nothing is raised: what failed inside is logged by its type alone."""
        said = attempt(self._answer, session_of, request, left_s)
        if not isinstance(said, Failed):
            return said
        told = judge(said.error)
        counts = request.path.startswith("/commands/") or told.kind in ("stale", "unavailable")
        if counts and told.kind in COUNTED:
            self._telemetry.count(COUNTED[told.kind])
        return self._failed(told, said.error)

    def _failed(self, told: Problem, error: Exception) -> Answer:
        if told.kind == "fault":
            self._telemetry.count(metrics.FAULTS)
            self._telemetry.log(
                "error",
                "a request failed",
                status=told.status,
                error=type(error).__name__,
                where=where(error),
                reason=words(error),
            )
        return refused(told)

    def _answer(self, session_of: SessionOf, request: Request, left_s: float) -> Answer:
        room, *rest = [part for part in request.path.split("/", 2) if part] or [""]
        if room not in self._serves:
            raise unknown("path", f"/{room}", [f"/{one}" for one in self._serves])
        wanted = "POST" if room == "commands" else "GET"
        if request.method not in (wanted, "HEAD" if wanted == "GET" else wanted):
            return refused(
                problem(405, "rejected", "Rejected", f"/{room} takes {wanted}, not {request.method[:20]}."),
                allow=wanted,
            )
        if room == "health":
            return self._health(session_of(request))
        path = rest[0] if rest else ""
        if room == "commands":
            return self._command(session_of, request, path)
        self._telemetry.count(metrics.QUERIES)
        asked = _row_query(request, path) if room == "views" else _stream_query(request, path)
        found = self.queries.answer(session_of(request), asked, left_s=left_s)
        return Answer(200, {"content-type": JSON}, _encode(found))

    def _command(self, session_of: SessionOf, request: Request, path: str) -> Answer:
        self._telemetry.count(metrics.COMMANDS)
        category, _, rest = path.partition("/")
        key, slash, name = rest.rpartition("/")
        self.commands.of(category)  # an unknown category is 404, whatever the body is
        _check_json(request)
        headers = request.headers
        asked = commands.Asked(
            category,
            name,
            key if slash else None,
            msgspec.Raw(request.body or b"{}"),
            command_id=_unquoted(headers.get("idempotency-key")),
            expected=_expected(_options(request)),
            actor=self._actor(request) if self._actor else None,
            correlation_id=headers.get("x-correlation-id") or None,
            traceparent=self.commands.trace(headers.get("traceparent")),
        )
        said = self.commands.answer(lambda: session_of(request), asked)
        if isinstance(said, commands.Failure):
            return self._failed(said.problem, said.error)
        return Answer(200, {"content-type": JSON}, _encode(said))

    def _health(self, session: Session) -> Answer:
        """Whether the store answers."""
        return Answer(
            200, {"content-type": JSON}, _encode({"app": self._app.name, "position": session.backend.log.end()})
        )


def refused(told: Problem, *, allow: str | None = None) -> Answer:
    """A problem as an answer."""
    headers = {"content-type": PROBLEM}
    if retryable(told):
        headers["retry-after"] = str(RETRY_AFTER_S)
    if allow:
        headers["allow"] = allow
    return Answer(told.status, headers, _encode(told))


def _check_json(request: Request) -> None:
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind and kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise wrong(415, f"the body must be {JSON}.", field="content-type")
    if len(request.body) > BODY_BYTES:
        raise wrong(413, f"the body is over {BODY_BYTES:,} bytes.", limit=BODY_BYTES)


def _unquoted(key: str | None) -> str | None:
    """`Idempotency-Key: "7"` and `Idempotency-Key: 7` are the same key: the draft's form, and everybody's."""
    if key is not None and len(key) >= 2 and key[0] == key[-1] == '"':
        return key[1:-1]
    return key or None


def _options(request: Request) -> dict[str, str]:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        twice = next(name for name in options if [one for one, _ in pairs].count(name) > 1)
        raise wrong(422, f"{twice[:80]} is given twice.", field=twice[:80])
    return options


def _expected(options: dict[str, str]) -> Any:
    text = options.get("expected", "any")
    if text in ("any", "absent", "present"):
        return text
    return _number(text, "expected")


def _number(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise wrong(422, f"{field} must be a whole number.", field=field)
    return int(text)


def _row_query(request: Request, path: str) -> queries.Asked:
    options = _options(request)
    view, slash, key = path.partition("/")
    limit, page = _number(options.pop("limit", str(queries.ROWS)), "limit"), options.pop("page", None)
    if not slash:
        return queries.Asked(view, find=_conditions(options), limit=limit, page=page or None)
    stale = options.get("stale", "raise")
    if stale not in ("raise", "allow"):
        raise wrong(422, "stale must be 'allow', or left out.", field="stale")
    return queries.Asked(
        view,
        key,
        after=options.get("after") or None,
        wait=_seconds(options.get("wait", "0")),
        stale="allow" if stale == "allow" else "raise",
    )


def _stream_query(request: Request, path: str) -> queries.Asked:
    options = _options(request)
    after, limit = (
        _number(options.get("after", "0"), "after"),
        _number(options.get("limit", str(queries.ROWS)), "limit"),
    )
    return queries.Asked(stream=path, after=after, limit=limit)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise wrong(422, "wait must be a number of seconds.", field="wait")
    return seconds


def _conditions(options: dict[str, str]) -> dict[str, Any]:
    """`?cents=5` is that value, `?cents.from=5&cents.below=9` a range, 5 <= cents < 9."""
    found: dict[str, Any] = {}
    for name, text in options.items():
        index, _, side = name.partition(".")
        if not side:
            found[index] = _scalar(text)
        elif side in ("from", "below"):
            low, high = found.get(index, (None, None))
            found[index] = (_scalar(text), high) if side == "from" else (low, _scalar(text))
        else:
            raise wrong(
                422, f"{name[:80]}: a range is written {index[:40]}.from=, {index[:40]}.below=.", field=name[:80]
            )
    return found


def _scalar(text: str) -> Scalar:
    """A number where it reads as one in JSON, else text; `"12"` in quotes is text too."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else text
