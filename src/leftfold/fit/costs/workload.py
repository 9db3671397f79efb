"""What is to be priced: the answers' numbers, and in the open every assumption that stands in for what nobody asked."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.answers import Answers


class Assumption(Struct, frozen=True):
    """A number that a file may change under `assume:`, with the reason for ours."""

    name: str
    value: float
    unit: str
    why: str
    least: float = 0.0
    most: float = float("inf")


UNANSWERED: Final[dict[str, float]] = {
    "commands_per_s": 1.0,
    "events_per_command": 1.0,
    "event_bytes": 500.0,
    "queries_per_s": 4.0,
    "streams": 10_000.0,
    "retention_years": 1.0,
    "read_models": 1.0,
    "downstream_consumers": 0.0,
}
"""What a workload takes for an answer that is unknown; the report says so."""


class Workload(Struct, frozen=True, kw_only=True):
    """Rates are averages over the month, per second. Sizes are bytes."""

    commands_s: float
    events_per_command: float
    event_bytes: float
    queries_s: float
    streams: float
    retention_years: float
    views: float
    consumers: float
    observed: bool = False  # facts come from devices, which need no API to put them into a stream
    assumed: dict[str, float]  # by the name of an `Assumption`
    unanswered: tuple[str, ...]  # keys of answers for which UNANSWERED stands in

    @property
    def events_s(self) -> float:
        return self.commands_s * self.events_per_command

    @property
    def changes_s(self) -> float:
        """Commands that change something: each of them is a commit."""
        return self.commands_s * min(1.0, self.events_per_command)

    def scaled(self, factor: float) -> Workload:
        """The same, with `factor` times the commands and queries."""
        return replace(self, commands_s=self.commands_s * factor, queries_s=self.queries_s * factor)


def workload(answers: Answers, assumed: dict[str, float]) -> Workload:
    """The workload of a context. `assumed` has every assumption's value, the user's own included."""
    unanswered = tuple(key for key in UNANSWERED if answers.value(key) is None)

    def number(key: str) -> float:
        found = answers.value(key)
        return float(found) if isinstance(found, int | float) else UNANSWERED[key]

    return Workload(
        commands_s=number("commands_per_s"),
        events_per_command=number("events_per_command"),
        event_bytes=number("event_bytes"),
        queries_s=number("queries_per_s"),
        streams=number("streams"),
        retention_years=number("retention_years"),
        views=number("read_models"),
        consumers=number("downstream_consumers"),
        observed=answers.observed_not_decided is True,
        assumed=assumed,
        unanswered=unanswered,
    )
