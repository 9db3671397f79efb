"""Where a commit stands in the log: looked for by its time, once, and from where the search stopped when asked again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from leftfold.adapters.dynamodb.receipts import Ticket, stream_hash
from leftfold.adapters.dynamodb.sequencing import Entry
from leftfold.adapters.dynamodb.shelf import Shelf

SEARCHES: Final = 10_000  # commits whose place was asked for, and how far the log was searched for each
SKEW_US: Final = 60_000_000  # two clocks apart, and the patience of calls.py: from a commit's stamp to its writing


class Finder:
    """Finds commits in the pages of one log. A page is written later than its commits' times, but for the clocks' skew."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._searches: OrderedDict[Ticket, tuple[int, int | None]] = OrderedDict()

    def last_position(self, ticket: Ticket) -> int | None:
        """The position of the commit's last event; None while it isn't placed."""
        since, found = self._searches.get(ticket, (0, None))
        if found is not None:
            return found
        for page in self._shelf.since(since) if since else self._shelf.written_since(ticket.time - SKEW_US):
            since, found = page.last + 1, page.places().get((ticket.stream, ticket.first))
            if found is not None:
                break
        if since:
            self._searches[ticket] = since, found
            while len(self._searches) > SEARCHES:
                self._searches.popitem(last=False)
        return found

    def of(self, entry: Entry) -> int | None:
        """As `last_position`, of a commit that was read."""
        part = entry.parts[0]
        return self.last_position(Ticket(entry.time, stream_hash(part.stream), part.first))
