"""The log: pages that the sequencer wrote, read as one run of events with dense positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leftfold.adapters.dynamodb.finding import Finder
from leftfold.adapters.dynamodb.layout import key, read_commit
from leftfold.adapters.dynamodb.pages import Placed, stored
from leftfold.adapters.dynamodb.placing import Placing
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.receipts import read_receipt
from leftfold.adapters.dynamodb.sequencing import Entry
from leftfold.adapters.dynamodb.shelf import Shelf
from leftfold.adapters.dynamodb.store import DynamoStore
from leftfold.core.commits import Framed
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.store import PAGE_EVENTS


class DynamoLog:
    """Log over the log table; what doesn't fit its pages is read from the events table."""

    def __init__(
        self, reader: Reader, shelf: Shelf, finder: Finder, store: DynamoStore, placing: Placing, store_id: str
    ) -> None:
        self._reader, self._shelf, self._finder, self._store, self._id = reader, shelf, finder, store, store_id
        self.placing = placing

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        found: list[Stored] = []
        for page in self._shelf.since(after + 1):
            found += stored(page, after + 1, after + limit, self._fetch)
            if len(found) >= limit:
                break
        return found

    def end(self) -> int:
        tail = self._shelf.tail()
        return tail.last if tail else 0

    def locate(self, receipt: Receipt) -> int | None:
        return self._finder.last_position(read_receipt(self._id, receipt))

    def place(self, upto: Mapping[str, int] | None = None) -> int:
        return self.placing.place(upto)

    def history(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        read = self._store.read_commits(stream, after, limit)
        found: list[Stored] = []
        for one, entry in read:
            last = self._finder.of(entry)
            found.append(Stored(self._within(entry, stream, one.version, last), one.version, one.type, one.body))
        return found

    def _within(self, entry: Entry, stream: str, version: int, last: int | None) -> int:
        """The position of one event of a commit whose last one has the position `last`; 0 when it isn't placed."""
        if last is None:
            return 0
        events = self._reader.events(entry)
        place = next(at for at, event in enumerate(events) if (stream, version) in event.slots)
        return last - len(events) + 1 + place

    def _fetch(self, commits: Sequence[Placed]) -> dict[int, tuple[Framed, ...]]:
        """The events of commits that a page only names, by their first positions."""
        if not commits:
            return {}
        wanted = {(one.entry.parts[0].stream, one.entry.parts[0].first): one.first for one in commits}
        keys = [key(self._reader.partition(stream), first) for stream, first in wanted]
        found: dict[int, tuple[Framed, ...]] = {}
        for item in self._reader.calls.get(self._reader.tables.events, keys):
            entry = read_commit(item, self._reader.tenant).entry
            found[wanted[entry.parts[0].stream, entry.parts[0].first]] = self._reader.events(entry)
        return found
