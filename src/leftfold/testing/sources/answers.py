"""What a handler's answer says of its batch, by the rules that AWS documents for `ReportBatchItemFailures`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, cast

Reports = Literal["items", "batch"]
"""Whether answers are looked at: "items" is FunctionResponseTypes=["ReportBatchItemFailures"], "batch" is its absence."""


def failed_items(answer: Any, ids: Collection[str]) -> list[str] | None:
    """The ids that failed; None when the whole batch did, because the answer is not what AWS can read.

    No answer, an empty one, and one without `batchItemFailures` (misspelt, too) are complete successes.
    """
    if answer is None:
        return []
    if not isinstance(answer, dict):
        return None
    told = cast("dict[str, Any]", answer).get("batchItemFailures")
    if told is None:
        return []
    if not isinstance(told, list):
        return None
    failed = list(map(_identifier, told))  # pyright: ignore[reportUnknownArgumentType] - JSON
    known = [one for one in failed if one in ids]
    return known if known == failed else None  # null, empty, under another key, or of no record of this batch


def _identifier(item: Any) -> str:
    told = cast("dict[str, Any]", item).get("itemIdentifier") if isinstance(item, dict) else None
    return told if isinstance(told, str) else ""


def first_failed(answer: Any, sequences: Sequence[str], reports: Reports) -> int | None:
    """The place in its batch that a stream is delivered from again: 0 for all of it, None when nothing failed."""
    if reports == "batch":
        return None
    failed = failed_items(answer, sequences)
    if failed is None:
        return 0
    return min(map(sequences.index, failed), default=None)
