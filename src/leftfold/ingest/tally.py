"""Counting what becomes of records, and keeping the first of each shard that was not taken."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from leftfold.ingest.declared import Kept, Record, Taken

MOST_KEPT: Final = 100  # records set aside that are named one by one


class Tally:
    """The counts of one `take`. Safe to share between threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.records = self.taken = self.commits = self.events = 0
        self.repeated = self.ignored = self.late = self.malformed = self.failed = 0
        self.trouble: str | None = None
        self._again: dict[str, tuple[int, Record]] = {}
        self._kept: list[Kept] = []

    def fail(self, records: Iterable[tuple[int, Record]], why: str) -> None:
        """These records, each with its place, were not taken."""
        with self._guard:
            for place, record in records:
                self.trouble = self.trouble or why
                self.failed += 1
                first = self._again.get(record.shard)
                if first is None or place < first[0]:
                    self._again[record.shard] = place, record

    def set_aside(self, kept: Kept) -> None:
        with self._guard:
            if kept.kind == "late":
                self.late += 1
            else:
                self.malformed += 1
            if len(self._kept) < MOST_KEPT:
                self._kept.append(kept)

    def repeat(self, records: int) -> None:
        with self._guard:
            self.repeated += records

    def write(self, commits: int, records: int, events: int) -> None:
        with self._guard:
            self.commits += commits
            self.taken += records
            self.events += events

    def result(self) -> Taken:
        return Taken(
            records=self.records,
            taken=self.taken,
            commits=self.commits,
            events=self.events,
            repeated=self.repeated,
            ignored=self.ignored,
            late=self.late,
            malformed=self.malformed,
            failed=self.failed,
            again={shard: record for shard, (_, record) in self._again.items()},
            kept=tuple(self._kept),
            trouble=self.trouble,
        )
