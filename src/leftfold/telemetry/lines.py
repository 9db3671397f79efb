"""Telemetry of one handler: log lines and metrics, a JSON line each.

Metrics go out in CloudWatch's embedded metric format: a log line that CloudWatch also counts, at no call's cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypedDict, Unpack

import msgspec

from leftfold.core.errors import ConfigError
from leftfold.telemetry.metrics import Metric

NAMESPACE: Final = "leftfold"
MOST_VALUES: Final = 100  # of one metric in one line: the format's own limit; later values open another line
FIELD_CHARS: Final = 300  # of a text in a log line: ids and reasons are shorter, payloads are not welcome

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")


class Where(TypedDict, total=False):
    """The one more dimension that a metric may have: who follows, or what was read."""

    subscriber: str
    stream: str


class Fields(TypedDict, total=False):
    """All that a log line may say beside its level, what happened, app and handler. Ids and counts, never a payload."""

    request_id: str
    tenant: str
    kind: str
    reason: str
    error: str
    where: str
    record_id: str
    source: str
    object: str
    category: str
    command: str
    command_id: str
    view: str
    subscriber: str
    run: str
    step: str
    position: int
    version: int
    count: int
    left: int
    status: int
    correlation_id: str
    causation_id: str
    traceparent: str


ALLOWED: Final = frozenset(Fields.__annotations__)

_encode = msgspec.json.Encoder(order="sorted").encode


class Telemetry:
    """What one handler tells. `write` takes a line, `now_s` is the time; without `write` nothing is told.

    `request_id`, where it is set, is in every log line from then on. `namespace` is of the metrics: an environment's own.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        now_s: Callable[[], float] = lambda: 0.0,
        *,
        app: str = "",
        handler: str = "",
        level: Level = "info",
        namespace: str = NAMESPACE,
    ) -> None:
        self._write, self._now_s, self._namespace = write, now_s, namespace
        self._names = {"app": app, "handler": handler}
        self._from = LEVELS.index(level)
        self.request_id = ""
        self._values: dict[tuple[tuple[str, str], ...], dict[Metric, list[float]]] = {}

    def count(self, metric: Metric, value: float = 1, **where: Unpack[Where]) -> None:
        """Note a value; it goes out with the next `flush`. One dimension at most: `subscriber=` or `stream=`."""
        if self._write is None:
            return
        noted = self._values.setdefault(tuple(where.items()), {}).setdefault(metric, [])  # type: ignore[arg-type]
        if metric.sums and noted:
            noted[0] += value
        else:
            noted.append(value)

    def log(self, level: Level, what: str, **fields: Unpack[Fields]) -> None:
        """Write a line now. A field that is not declared, or empty, is left out; long text is cut."""
        if self._write is not None and LEVELS.index(level) >= self._from:
            told = {
                name: _short(value) for name, value in fields.items() if name in ALLOWED and value not in (None, "")
            }
            if self.request_id:
                told["request_id"] = self.request_id
            self._write(_encode({"level": level, "what": _short(what), **self._names, **told}).decode())

    def flush(self) -> None:
        """Write what was counted, a line for each set of dimensions."""
        if self._write is None:
            return
        values, self._values = self._values, {}
        for where, metrics in values.items():
            rest = metrics
            while rest:
                now = {metric: noted[:MOST_VALUES] for metric, noted in rest.items()}
                rest = {metric: noted[MOST_VALUES:] for metric, noted in rest.items() if noted[MOST_VALUES:]}
                at_ms = int(self._now_s() * 1000)
                self._write(emf(self._names | dict(where), now, at_ms=at_ms, namespace=self._namespace))


SILENT: Final = Telemetry()


def emf(
    dimensions: dict[str, str], values: dict[Metric, list[float]], *, at_ms: int, namespace: str = NAMESPACE
) -> str:
    """One line of the embedded metric format."""
    named = {name: value for name, value in dimensions.items() if value}
    about = {
        "Timestamp": at_ms,
        "CloudWatchMetrics": [
            {
                "Namespace": namespace,
                "Dimensions": [list(named)],
                "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in values],
            }
        ],
    }
    told: dict[str, Any] = {metric.name: noted[0] if len(noted) == 1 else noted for metric, noted in values.items()}
    return _encode({"_aws": about, **named, **told}).decode()


def where(error: BaseException) -> str:
    """Where an error was raised, as `account.py:41`: no words of it, since they may quote a payload."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}"


def words(error: BaseException) -> str:
    """What a ConfigError says to whoever runs this; of other errors nothing, since they may quote a payload."""
    return str(error) if isinstance(error, ConfigError) else ""


def _short(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= FIELD_CHARS else text[: FIELD_CHARS - 3] + "..."
