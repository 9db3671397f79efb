"""What commits cost on DynamoDB, weighed by the layout's own sizes."""

from __future__ import annotations

from collections.abc import Sequence

from leftfold.adapters.dynamodb.layout import Content, commit_items, pack, size, units
from leftfold.adapters.dynamodb.sequencing import Entry, Part
from leftfold.core.commits import Framed

TIME = 1_700_000_000_000_000  # any: every time of these centuries has as many digits


def billed(stream: str, first: int, events: Sequence[Framed]) -> int:
    """Write units of one commit of one stream, without a command id."""
    entry = Entry((Part(stream, first, len(events), TIME),), TIME, Content(tuple(events), len(events)))
    (item,) = commit_items("", entry, None, pack(events, entry.parts))
    return units(size(item))
