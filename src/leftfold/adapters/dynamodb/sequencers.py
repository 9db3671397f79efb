"""The sequencers of a table's tenants, in one process that hears of all of them: a Lambda function's container."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.finding import Finder
from leftfold.adapters.dynamodb.layout import Tables
from leftfold.adapters.dynamodb.placing import Placing
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.shards import Shards
from leftfold.adapters.dynamodb.shelf import Shelf
from leftfold.ports.clock import Clock

TENANTS_KEPT: Final = 256  # each remembers the streams of a few minutes, and its last pages; the least used one goes
KEPT_EVENTS: Final = 60_000  # in the pages of all of them: some 60 MB of ordinary ones


class Sequencers:
    """One Placing for each tenant, made on first use. They read the stream once between them, in each round."""

    def __init__(
        self,
        calls: Calls,
        tables: Tables,
        clock: Clock,
        open_stream: Callable[[str], Shards],
        is_old: Callable[[], bool],
        begin_round: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        self._calls, self._tables, self._open_stream, self._is_old = calls, tables, open_stream, is_old
        self.clock, self.begin_round, self.close = clock, begin_round, close
        self._placings: OrderedDict[str, Placing] = OrderedDict()

    def of(self, tenant: str) -> Placing:
        placing = self._placings.get(tenant) or self._made(tenant)
        self._placings[tenant] = placing
        self._placings.move_to_end(tenant)
        kept = sum(one.kept for one in self._placings.values())
        while len(self._placings) > 1 and (len(self._placings) > TENANTS_KEPT or kept > KEPT_EVENTS):
            kept -= self._placings.popitem(last=False)[1].kept
        return placing

    def _made(self, tenant: str) -> Placing:
        shelf = Shelf(self._calls, self._tables, tenant)
        reader = Reader(self._calls, self._tables, tenant, None)  # bodies of large commits stay where they are
        return Placing(reader, shelf, Finder(shelf), self.clock, lambda: self._open_stream(tenant), self._is_old)
