"""What the metrics of an app's handlers say: commands and queries as they came in, from an export of CloudWatch's logs.

A handler writes its metrics as lines of JSON (docs/reference/metrics.md). Exports wrap them: with a time before them, inside
a `message`, or in a CSV's quotes. Each line is searched for such a JSON; what has none is counted, and passed by.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct

from leftfold.core.errors import ConfigError
from leftfold.core.streams import MAX_COUNT

LINE_BYTES: Final = (
    1024 * 1024
)  # four times what CloudWatch takes for one; a longer one is read as several that are none
RATE_S: Final = 3600.0  # of metrics, at the least, before they say how often anything happens
MOST_OF: Final = 0.5  # of the time of all lines, at the least, for which commands and queries are both there
CONTENDED: Final = 0.001  # of the commands that lost to another writer: from one in a thousand on, writers do contend
GZIP: Final = b"\x1f\x8b"

_Number = Annotated[float, Meta(ge=0, le=MAX_COUNT)]
_Values = _Number | list[_Number] | None


class _About(Struct, frozen=True, rename={"at_ms": "Timestamp"}):
    at_ms: Annotated[float, Meta(gt=0, le=MAX_COUNT)]


class _Line(Struct, frozen=True, rename={"about": "_aws"}):
    """A line of the embedded metric format, by the names of `leftfold.telemetry.metrics`."""

    about: _About
    app: str
    commands: _Values = None
    queries: _Values = None
    events_appended: _Values = None
    commands_conflicted: _Values = None

    @property
    def counts(self) -> bool:
        return self.commands is not None or self.queries is not None


class _Wrapped(Struct, frozen=True):
    """What `aws logs` puts around a line."""

    message: str


class Traffic(Struct, frozen=True):
    """Sums over the metrics of one app. `appended` events are those of handlers of commands; times are seconds since 1970.

    `commands_s` is between the first and the last line that counts commands, `queries_s` the same of queries.
    `lines` counted commands or queries of the app, `others` those of other apps, `bad` none at all.
    """

    name: str
    lines: int
    others: int
    bad: int
    commands: float
    queries: float
    appended: float
    conflicted: float
    first_s: float
    last_s: float
    commands_s: float
    queries_s: float

    @property
    def span_s(self) -> float:
        return self.last_s - self.first_s

    @property
    def has_rates(self) -> bool:
        return self.span_s >= RATE_S


def read_metrics(path: Path, *, app: str | None = None) -> Traffic:
    """The metrics in a file, plain or gzip. Raises ConfigError for one that can't be read, or has none of the app's."""
    try:
        with closing(_opened(path)) as file:
            return traffic(_lines(file), str(path), app=app)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"--metrics {path}: {getattr(error, 'strerror', None) or error}.") from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES):
        yield line


def traffic(lines: Iterable[bytes], name: str, *, app: str | None = None) -> Traffic:
    """The sums. Without `app`, the lines must be of one app. Raises ConfigError where none is of it."""
    apps: dict[str, _Sums] = {}
    bad = 0
    for line in lines:
        told = _metrics_in(line)
        if told is not None:
            apps.setdefault(told.app, _Sums()).take(told)
        elif line.strip():
            bad += 1
    ours = apps.get(app) if app is not None else next(iter(apps.values()), None)
    if ours is None or (app is None and len(apps) > 1):
        raise ConfigError(_none(name, app, sorted(apps), bad))
    return Traffic(
        name=name,
        lines=ours.lines,
        others=sum(one.lines for one in apps.values()) - ours.lines,
        bad=bad,
        commands=ours.commands,
        queries=ours.queries,
        appended=ours.appended,
        conflicted=ours.conflicted,
        first_s=ours.times.first_ms / 1000,
        last_s=ours.times.last_ms / 1000,
        commands_s=ours.commands_times.span_s,
        queries_s=ours.queries_times.span_s,
    )


class _Times:
    """From the first to the last."""

    def __init__(self) -> None:
        self.first_ms, self.last_ms = float("inf"), 0.0

    def take(self, at_ms: float) -> None:
        self.first_ms, self.last_ms = min(self.first_ms, at_ms), max(self.last_ms, at_ms)

    @property
    def span_s(self) -> float:
        return max(0.0, self.last_ms - self.first_ms) / 1000


class _Sums:
    """One app's."""

    def __init__(self) -> None:
        self.lines = 0
        self.commands = self.queries = self.appended = self.conflicted = 0.0
        self.times, self.commands_times, self.queries_times = _Times(), _Times(), _Times()

    def take(self, line: _Line) -> None:
        self.lines += 1
        self.times.take(line.about.at_ms)
        self.commands += _sum(line.commands)
        self.queries += _sum(line.queries)
        self.conflicted += _sum(line.commands_conflicted)
        if line.queries is not None:
            self.queries_times.take(line.about.at_ms)
        if line.commands is not None:  # ingest and inbound append events too, and take no commands
            self.commands_times.take(line.about.at_ms)
            self.appended += _sum(line.events_appended)


def _sum(values: _Values) -> float:
    return sum(values) if isinstance(values, list) else values or 0.0


def _none(name: str, app: str | None, apps: list[str], bad: int) -> str:
    if not apps:
        return (
            f"--metrics {name}: none of its {bad:,} lines counts commands or queries. Export the log groups of the app's "
            "handlers: `aws logs filter-log-events --log-group-name GROUP > FILE`."
        )
    found = ", ".join(map(repr, apps[:5]))
    if app is None:
        return f"--metrics {name}: it has metrics of several apps ({found}): say which one with --from APP."
    return f"--metrics {name}: it has metrics of {found}, and none of app {app!r}: export the logs of its handlers."


# a line

_line = msgspec.json.Decoder(_Line).decode
_wrapped = msgspec.json.Decoder(_Wrapped).decode
_quoted = msgspec.json.Decoder(str).decode

_NOT_SO: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


def _metrics_in(line: bytes) -> _Line | None:
    """The metrics in a line of an export; None where there are none that count commands or queries."""
    start, end = line.find(b"{"), line.rfind(b"}") + 1
    if start < 0 or b"_aws" not in line:
        return None
    for text in _unwrapped(line[start:end]):
        try:
            found = _line(text)
        except _NOT_SO:
            continue
        return found if found.counts else None
    return None


def _unwrapped(text: bytes) -> Iterator[bytes]:
    """What it may be: as it was written, a CSV's field, a message of a JSON document on a line of its own, or all of one."""
    yield text
    yield text.replace(b'""', b'"')
    with suppress(*_NOT_SO):
        yield _quoted(b'"%b"' % text).encode()
    with suppress(*_NOT_SO):
        yield _wrapped(text).message.strip().encode()
