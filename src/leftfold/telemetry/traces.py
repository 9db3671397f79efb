"""W3C trace context: which `traceparent` is one. It is passed on as it is; a bad one is dropped, never an error."""

from __future__ import annotations

import re
from typing import Final

TRACEPARENT_CHARS: Final = 55  # of version 00: 2-32-16-2 hexadecimal digits

_PARTS = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?\Z"
)


def traceparent(text: object) -> str | None:
    """The `traceparent` if it is valid by the W3C recommendation, else None.

    A later version than 00 may have more after its flags: the four known parts alone are passed on.
    """
    if not isinstance(text, str) or len(text) > 4 * TRACEPARENT_CHARS:
        return None
    found = _PARTS.match(text.strip())
    if found is None or found["version"] == "ff" or not found["trace"].strip("0") or not found["parent"].strip("0"):
        return None
    if found["more"] and found["version"] == "00":
        return None
    return found.string[:TRACEPARENT_CHARS]
