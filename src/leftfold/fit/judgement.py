"""What the rules say of a context: the verdict, and everything that a reader needs to doubt it."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from leftfold.fit.answers import Value

Verdict = Literal["event-source", "core-only", "outbox", "plain", "stream", "sealed-log", "workflow"]
Confidence = Literal["high", "low"]

TITLES: Final[dict[Verdict, str]] = {
    "event-source": "event-source this context",
    "core-only": "event-source its core only",
    "outbox": "plain tables with an outbox or audit table",
    "plain": "plain tables",
    "stream": "a stream: Kinesis to S3",
    "sealed-log": "an append-only, sealed log",
    "workflow": "Step Functions",
}


class Source(Struct, frozen=True):
    """Where a rule comes from."""

    id: str
    who: str
    title: str
    year: int
    url: str


class Reason(Struct, frozen=True):
    """A rule that holds: `weight` points for (over 0) or against (under 0), 0 for an override."""

    rule: str
    weight: int
    why: str
    source: str
    brief: str = ""  # `why` in a line


class Gate(Struct, frozen=True):
    """What must be solved before the verdict can be followed, whatever the score."""

    gate: str
    why: str
    do: str
    brief: str = ""  # `do` in a line


class Clash(Struct, frozen=True):
    """Answers that can't well be true together."""

    keys: tuple[str, ...]
    why: str


class Flip(Struct, frozen=True):
    """One or two other answers, and what the verdict would be with them."""

    answers: dict[str, Value]
    verdict: Verdict


class Judgement(Struct, frozen=True):
    """`score` counts what is known; with the unknown answers it could be anything from `lowest` to `highest`."""

    verdict: Verdict
    confidence: Confidence
    unsure: tuple[str, ...]  # why the confidence is low, each in a sentence
    score: int
    lowest: int
    highest: int
    reasons: tuple[Reason, ...]  # against first, the heaviest first
    override: Reason | None
    gates: tuple[Gate, ...]
    clashes: tuple[Clash, ...]
    flips: tuple[Flip, ...]
    unknown: tuple[str, ...]  # keys without an answer
    doubted: tuple[str, ...] = ()  # of these, the keys that could change the verdict, alone or two together
