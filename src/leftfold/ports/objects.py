"""Objects: bytes by name, for what is too large for a row: a bucket, or a folder."""

from __future__ import annotations

from typing import Protocol


class Objects(Protocol):
    """Immutable objects. Names are relative paths of plain characters; the same name is only ever given the same bytes."""

    def put(self, name: str, data: bytes) -> None:
        """Store the object, durably, before this returns. Again with the same bytes is no trouble."""
        ...

    def get(self, name: str) -> bytes:
        """The object's bytes. Raises IntegrityError for a name that is not there, StoreUnavailable."""
        ...
