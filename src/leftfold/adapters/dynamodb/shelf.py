"""The log's pages as this process has read them: immutable, so what was read once needn't be read again."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.layout import Tables
from leftfold.adapters.dynamodb.pages import Page, page_key, partition, read_page

KEPT_EVENTS: Final = 20_000  # in the pages that are kept in memory: some 20 MB of ordinary ones
AHEAD_PAGES: Final = 1_000  # pages to a Query at most; 1 MB ends it sooner when they are full


class Shelf:
    """Finds the page of a position or a time. Reads are eventually consistent, unless that would show less than is known."""

    def __init__(self, calls: Calls, tables: Tables, tenant: str) -> None:
        self._calls, self._tables, self._tenant = calls, tables, tenant
        self._pages: OrderedDict[int, Page] = OrderedDict()  # by first position, the longest unused first
        self._firsts: list[int] = []  # the same, in order
        self._events = 0
        self._tail: Page | None = None
        self._guard = threading.RLock()

    @property
    def known_end(self) -> int:
        """The last position that this process knows of."""
        return self._tail.last if self._tail else 0

    @property
    def kept(self) -> int:
        """How many events are in the pages that are kept."""
        return self._events

    def keep(self, page: Page) -> None:
        """Remember a page that was read or written."""
        with self._guard:
            if self._tail is None or page.first > self._tail.first:
                self._tail = page
            if page.first not in self._pages:
                insort(self._firsts, page.first)
                self._events += page.last - page.first + 1
            self._pages[page.first] = page
            self._pages.move_to_end(page.first)
            while self._events > KEPT_EVENTS and len(self._pages) > 1:
                first, gone = self._pages.popitem(last=False)
                self._firsts.remove(first)
                self._events -= gone.last - gone.first + 1

    def tail(self, *, consistent: bool = False) -> Page | None:
        """The last page now."""
        if self._tail is None:
            for page in self._query(0, backwards=True, consistent=consistent, Limit=1):
                self.keep(page)
                break
        else:
            for page in self._query(self._tail.first + 1, consistent=consistent):
                if page.first == self._tail.last + 1:  # a replica may show a page before the one that it follows
                    self.keep(page)
        return self._tail

    def at(self, position: int) -> Page | None:
        """The page that holds this position; None while the log is shorter."""
        page = self._kept(position) or self._read(position, consistent=False)
        if page is None and position <= self.known_end:
            page = self._read(position, consistent=True)
        return page

    def since(self, first: int) -> Iterator[Page]:
        """The pages from the one that holds the position `first` on, to the log's end."""
        while (page := self.at(first)) is not None:
            yield page
            first = page.last + 1

    def written_since(self, time: int) -> Iterator[Page]:
        """The pages written at this time or later, in order. Writing times rise from page to page."""
        return self.since(self._first_since(time))

    def _first_since(self, time: int) -> int:
        tail = self.tail()
        if tail is None or tail.time < time:
            return self.known_end + 1
        low, high = 1, tail.first  # the page of `high` is late enough; look for the first such
        while low < high:
            page = self.at((low + high) // 2)
            if page is None or page.time < time:
                low = page.last + 1 if page else high
            else:
                high = page.first
        return low

    def _kept(self, position: int) -> Page | None:
        with self._guard:
            place = bisect_right(self._firsts, position) - 1
            if place < 0:
                return None
            page = self._pages[self._firsts[place]]
            if page.last < position:
                return None
            self._pages.move_to_end(page.first)
            return page

    def _read(self, position: int, *, consistent: bool) -> Page | None:
        """Read on from a known page's end, or find the page that is at this place. Keeps what comes with it."""
        if position == 1 or self._kept(position - 1) is not None:
            start = position
        else:
            start = next(
                (one.first for one in self._query(position, backwards=True, consistent=consistent, Limit=1)), 1
            )
        expected, found = start, None
        for page in self._query(start, consistent=consistent, Limit=AHEAD_PAGES):
            if page.first != expected:
                break  # not shown yet by this replica
            self.keep(page)
            expected = page.last + 1
            found = page if page.first <= position <= page.last else found
            if expected - position > KEPT_EVENTS // 4:
                break
        return found

    def _query(self, first: int, *, backwards: bool = False, consistent: bool = False, **more: Any) -> Iterator[Page]:
        """Pages with a first position from `first` on; backwards: up to it, 0 for the log's end."""
        values: Item = {":p": {"S": partition(self._tenant)}}
        condition = "p = :p"
        if first:
            values[":s"] = page_key(self._tenant, first)["s"]
            condition += " AND s <= :s" if backwards else " AND s >= :s"
        for item in self._calls.query(
            TableName=self._tables.log,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=not backwards,
            ConsistentRead=consistent,
            **more,
        ):
            yield read_page(item)
