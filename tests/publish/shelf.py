"""Objects in memory, for claim checks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from leftfold.core.errors import StoreUnavailable

BASE: Final = "shelf://here"


class Shelf:
    """`away`: it can't be written to."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False

    def put(self, name: str, data: bytes) -> None:
        if self.away:
            raise StoreUnavailable("the shelf is away")
        assert self.kept.setdefault(name, data) == data

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        raise NotImplementedError  # nobody here has two writers

    def get(self, name: str) -> bytes:
        return self.kept[name]

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return iter(sorted(name for name in self.kept if name.startswith(prefix) and name > after))

    def fetch(self, dataref: str) -> bytes:
        return self.get(dataref.removeprefix(f"{BASE}/"))
