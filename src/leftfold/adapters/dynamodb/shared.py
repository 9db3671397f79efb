"""One reading of a table's stream, for all the tenants whose sequencers run in this process.

Who reads a shard first reads it from DynamoDB, and what comes is kept for a while: the others find it here. Only who is
behind what is kept reads for itself, until it has caught up. A round is a time in which a shard that has shown nothing new
is not asked again, and shards are listed once: one call of a function.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from leftfold.adapters.dynamodb.calls import Calls, Gone
from leftfold.adapters.dynamodb.layout import size
from leftfold.adapters.dynamodb.shards import Listed, Pulled, Shards, Shown

KEPT_BYTES: Final = 8 * 1024 * 1024  # of each shard: some thousand records of ordinary commits
KEPT_IN_ALL_BYTES: Final = 16 * 1024 * 1024  # of all: a day's closed shards are many, and memory holds 8 bytes for one
KEPT: Final = "kept:"  # leads an iterator of ours; the sequence number that it goes on after follows


class _Run:
    """What a shard has shown after the sequence number `start`, without a gap, up to `end`."""

    def __init__(self, start: int, iterator: str) -> None:
        self.start = self.end = start
        self.iterator: str | None = iterator  # None at the end of a closed shard
        self.shown: deque[Shown] = deque()
        self.is_quiet = False
        self.bytes = 0

    def forget(self) -> None:
        """Keep nothing but the place. Who has read up to it goes on from it."""
        self.start, self.bytes = self.end, 0
        self.shown.clear()

    def add(self, shown: list[Shown], following: str | None) -> None:
        self.iterator = following
        for sequence, item in shown:
            self.shown.append((sequence, item))
            self.end = sequence
            self.bytes += size(item)
        while self.bytes > KEPT_BYTES and len(self.shown) > len(shown):
            self.start, item = self.shown.popleft()
            self.bytes -= size(item)

    def after(self, sequence: int) -> list[Shown]:
        return [one for one in self.shown if one[0] > sequence]


class Shared:
    """What is kept of one stream. For one thread."""

    def __init__(self) -> None:
        self.runs: dict[str, _Run] = {}
        self.listed: dict[str, Listed] | None = None

    def read(self, shard: str) -> None:
        """This shard was just read. Where all that is kept is too much, what was read longest ago is forgotten."""
        self.runs[shard] = self.runs.pop(shard)
        kept = sum(run.bytes for run in self.runs.values())
        for name, run in self.runs.items():
            if kept <= KEPT_IN_ALL_BYTES or name == shard:
                return
            kept -= run.bytes
            run.forget()

    def begin_round(self) -> None:
        self.listed = None
        for run in self.runs.values():
            run.is_quiet = False


class SharedShards(Shards):
    """Shards over what is shared."""

    def __init__(self, calls: Calls, arn: str, tenant: str, shared: Shared) -> None:
        super().__init__(calls, arn, tenant)
        self._shared = shared

    def listed(self, *, fresh: bool = True) -> dict[str, Listed]:
        if fresh or self._shared.listed is None:
            self._shared.listed = super().listed()
            for gone in self._shared.runs.keys() - self._shared.listed.keys():
                del self._shared.runs[gone]
        return self._shared.listed

    def iterator(self, shard: str, sequence: int) -> str:
        run = self._shared.runs.get(shard)
        if run is None or sequence > run.end:
            self._shared.runs[shard] = _Run(sequence, super().iterator(shard, sequence))
        elif sequence < run.start:
            return super().iterator(shard, sequence)
        return f"{KEPT}{sequence}"

    def pull(self, shard: str, iterator: str) -> Pulled:
        if not iterator.startswith(KEPT):
            return self._caught_up(shard, super().pull(shard, iterator))
        run, after = self._shared.runs.get(shard), int(iterator.removeprefix(KEPT))
        if run is None or not run.start <= after <= run.end:
            raise Gone("no longer kept")
        shown = run.after(after) or self._more(shard, run)
        at_end = run.iterator is None and (not shown or shown[-1][0] == run.end)
        following = f"{KEPT}{shown[-1][0] if shown else after}"
        return Pulled([self.record(shard, *one) for one in shown], None if at_end else following)

    def _more(self, shard: str, run: _Run) -> list[Shown]:
        if run.iterator is None or run.is_quiet:
            return []
        try:
            shown, following = self.shown(run.iterator)
        except Gone:
            del self._shared.runs[shard]
            raise
        run.add(shown, following)
        run.is_quiet = not shown
        self._shared.read(shard)
        return shown

    def _caught_up(self, shard: str, pulled: Pulled) -> Pulled:
        """Go on with what is kept, as soon as that begins before what was just read ends."""
        run = self._shared.runs.get(shard)
        last = pulled.records[-1].sequence if pulled.records else 0
        if run is None or pulled.next is None or not run.start <= last <= run.end:
            return pulled
        return Pulled(pulled.records, f"{KEPT}{last}")
