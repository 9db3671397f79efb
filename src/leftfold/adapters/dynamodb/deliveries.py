"""What the streams of our tables deliver: the commit or the log page that a record's new image is, of whichever tenant.

Lambda hands records over as JSON, with binary values in base64. They carry no shard's name: what is heard this way can
be placed (it is in the table), but says nothing of how far any shard has been read.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any, Final, cast

from msgspec import Struct

from leftfold.adapters.dynamodb.calls import Item
from leftfold.adapters.dynamodb.layout import is_commit, read_commit
from leftfold.adapters.dynamodb.sequencing import Entry
from leftfold.core.errors import IntegrityError

PAGES: Final = "log"  # what follows the tenant in a page's partition key


class Heard(Struct, frozen=True):
    """A commit, and whose it is."""

    tenant: str
    entry: Entry


class Page(Struct, frozen=True):
    """A page of a tenant's log, up to this position."""

    tenant: str
    last: int


def commit_of(image: dict[str, Any]) -> Heard | None:
    """The commit that an image of the events table is; None for an item of another kind. Raises IntegrityError."""
    if not is_commit(image):
        return None
    tenant, _, stream = _text(image, "p").partition("|")
    if not stream:
        raise IntegrityError("it names no stream")
    try:
        item = {name: _value(value) for name, value in image.items()}
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise IntegrityError("a value of it is none of DynamoDB's") from None
    return Heard(tenant, read_commit(item, tenant).entry)


def page_of(image: dict[str, Any]) -> Page | None:
    """The page that an image of the log table is; None for an item of another kind. Raises IntegrityError."""
    tenant, _, kind = _text(image, "p").partition("|")
    if kind != PAGES:
        return None
    try:
        first, count = int(_text(image, "s")), int(image["n"]["N"])
    except (KeyError, TypeError, ValueError):
        raise IntegrityError("it is no page of the log") from None
    if first < 1 or count < 1:
        raise IntegrityError("it is no page of the log")
    return Page(tenant, first + count - 1)


def _text(image: Item, name: str) -> str:
    try:
        found: Any = image[name]["S"]
    except (KeyError, TypeError):
        raise IntegrityError(f"it has no {name}") from None
    if not isinstance(found, str):
        raise IntegrityError(f"its {name} is no text")
    return found


def _value(value: Any) -> dict[str, Any]:
    """An attribute as DynamoDB's API has it: bytes where the delivery has their base64."""
    told = cast("dict[str, Any]", value)
    binary = told.get("B")
    return {"B": b64decode(binary, validate=True)} if isinstance(binary, str) else told
