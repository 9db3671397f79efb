"""Objects: bytes by name, for what is too large for a row, and for what is written once and kept: a bucket, or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol


class Objects(Protocol):
    """Immutable objects. Names are relative paths of plain characters, no part of which begins with a dot;
    no name is the folder of another.

    What `put` stores is named by its content: the same name is only ever given the same bytes. Where several may want to
    give a name different bytes, `create` lets one of them.
    """

    def put(self, name: str, data: bytes) -> None:
        """Store the object, durably, before this returns. Again with the same bytes is no trouble."""
        ...

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        """As `put`, but only under a name that is free: False, with nothing changed, when it is taken.

        Of several at once one gets True, and never more. After StoreUnavailable it may have been stored: ask again, and
        False may mean oneself. With `keep_until` nobody can change or delete it before then; ConfigError where that
        can't be promised.
        """
        ...

    def get(self, name: str) -> bytes:
        """The object's bytes. Raises IntegrityError for a name that is not there, StoreUnavailable."""
        ...

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """The names that begin with `prefix` and come after the name `after`, in the order of their characters.

        Asked for a page at a time, as the iterator goes on; an object that is whole is listed from then on.
        """
        ...
