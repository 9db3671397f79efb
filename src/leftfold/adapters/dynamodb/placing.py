"""The sequencer at work: the stream's records and this process's own commits in, log pages out.

Any number of processes may do this at once: the next page's slot goes to one, the others start over from its state.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Final

from msgspec.structs import replace

from leftfold.adapters.dynamodb.calls import ConditionFailed, Gone, Item
from leftfold.adapters.dynamodb.finding import SKEW_US, Finder
from leftfold.adapters.dynamodb.layout import Written, is_commit, read_commit
from leftfold.adapters.dynamodb.pages import Page, as_placed, cut, page_item, page_key, read_page, state_item
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.sequencing import Entry, Sequencer, State
from leftfold.adapters.dynamodb.shards import Listed, Shards, ancestors, children
from leftfold.adapters.dynamodb.shelf import Shelf
from leftfold.adapters.dynamodb.snapshots import microseconds
from leftfold.adapters.dynamodb.writing import update
from leftfold.core.errors import StoreUnavailable
from leftfold.ports.clock import Clock

HINTS: Final = 1_000  # own commits remembered until the next placing: the stream knows the rest
TABLE: Final = "table"  # holds the watermark while the whole table is compared with the log
MAX_RACES: Final = 50  # pages lost to other sequencers in a row
RELIST: Final = timedelta(
    seconds=60
)  # how often to look for shards that are new: the stream makes some every few hours

_log = logging.getLogger("leftfold")


Stop = Callable[[], bool]
"""Whether to leave the rest for another time."""


def never() -> bool:
    return False


class Behind(Exception):
    """This sequencer can't go on: another one wrote its page, or the stream has forgotten its place."""


class Placing:
    """Places commits in the log of one tenant. `shards` opens the stream when it is first needed."""

    def __init__(
        self,
        reader: Reader,
        shelf: Shelf,
        finder: Finder,
        clock: Clock,
        shards: Callable[[], Shards],
        is_old: Callable[[], bool],
    ) -> None:
        self._reader, self._shelf, self._finder, self._clock = reader, shelf, finder, clock
        self._open_stream, self._is_old = shards, is_old
        self._hints: deque[Entry] = deque(maxlen=HINTS)
        self._turn = threading.Lock()
        self._run: _Run | None = None

    def hint(self, entry: Entry) -> None:
        """A commit that this process wrote: it needn't wait until the stream shows it.

        Processes that never place forget the oldest: their own are in the stream as well.
        """
        self._hints.append(as_placed(entry))

    def place(self, upto: Mapping[str, int] | None = None, *, stop: Stop = never) -> int:
        """Place what was hinted, then what the stream shows; with `upto`, what these streams hold and no more.

        Once `stop` says so, what is left is left to the next call.
        """
        with self._turn:
            hints = [self._hints.popleft() for _ in range(len(self._hints))]
            hints += [one.entry for slot in (upto or {}).items() if (one := self._last(*slot)) is not None]
            try:
                return self._place(hints, pull=upto is None, stop=stop)
            except BaseException:  # any: the hints that are in no page are needed again
                self._hints.extend(hints)
                raise

    def take(self, entries: Sequence[Entry]) -> int:
        """Place commits that somebody else tells of, and nothing else. Returns how many events were new to the log.

        It neither reads the stream nor moves the watermark: what nobody told of waits for the next `place`.
        """
        with self._turn:
            return self._place([*entries], pull=False, stop=never)

    def _place(self, hints: list[Entry], *, pull: bool, stop: Stop) -> int:
        """Place the hints, which are taken off their list once they stand in pages; then pull until nothing comes."""
        placed = races = 0
        if not hints and not pull:
            return 0
        while True:
            try:
                run = self._run = self._run or self._start()
                moved, events = run.round(hints, pull=pull, stop=stop)
            except Behind:
                self._run, races = None, races + 1
                if races > MAX_RACES:
                    raise StoreUnavailable("other sequencers were always first: let fewer of them run.") from None
                continue
            except BaseException:  # any: what was taken in is in no page: start over from the last one
                self._run = None
                raise
            placed += events
            hints.clear()
            if not moved or stop():
                if pull:
                    run.keep_place()
                return placed

    @property
    def kept(self) -> int:
        """How many events are in the pages that it keeps in memory."""
        return self._shelf.kept

    @property
    def late(self) -> int:
        """Records that were shown later than clocks and patience allow, since this sequencer was started."""
        return self._run.late if self._run else 0

    @property
    def watermark(self) -> int:
        """Up to when all shards have been read, in microseconds; 0 while nothing was."""
        return self._run.watermark if self._run else 0

    def compare(self, on_progress: Callable[[int], None] = lambda commits: None) -> int:
        """Compare the whole table with the log, and place what is missing there. Returns how many events."""
        with self._turn:
            self._run = run = self._start(compare=True)
            return run.compare(never, on_progress)

    def _start(self, *, compare: bool = False) -> _Run:
        tail = self._shelf.tail(consistent=True)
        state = tail.state if tail else State()
        recent = self._shelf.since(state.low) if state.low else ()
        pages = ((page.first, [one.entry for one in page.commits]) for page in recent)
        sequencer = Sequencer(state, pages, self._reader, skew=SKEW_US, is_placed=self._is_placed)
        run = _Run(self._reader, self._shelf, self._clock, self._open_stream, sequencer, tail)
        if compare or (tail is None and self._is_old()):
            sequencer.open(TABLE)
        if tail is None:
            run.look()  # now: the first page says in which shards to begin
        return run

    def _is_placed(self, entry: Entry) -> bool:
        """Asked for a record that is later than clocks and patience allow."""
        _log.warning("a commit of %s was shown over %d s late", entry.parts[0].stream, SKEW_US // 1_000_000)
        return self._finder.of(entry) is not None

    def _last(self, stream: str, version: int) -> Written | None:
        """The commit that holds this version, or the stream's last one before."""
        return next(self._reader.commits(stream, high=f"{version}.9", backwards=True, Limit=4), None)


class _Run:
    """One sequencer's life: from the state of the log's last page until somebody else writes a page, or an error.

    The stream is looked at when it is first pulled: to place what is told needs none of it.
    """

    def __init__(
        self,
        reader: Reader,
        shelf: Shelf,
        clock: Clock,
        open_stream: Callable[[], Shards],
        sequencer: Sequencer,
        tail: Page | None,
    ) -> None:
        self._reader, self._shelf, self._clock = reader, shelf, clock
        # Of its own: the shelf may learn of others' pages, which this sequencer knows nothing of.
        self._end, self._time = (tail.last, tail.time) if tail else (0, 0)
        self._shards, self._sequencer = cache(open_stream), sequencer
        self._page, self._state = tail, tail.state if tail else State()
        self._looked = False
        self._listed: dict[str, Listed] = {}
        self._listed_at = clock.now()
        self._finished: set[str] = set()
        self._iterators: dict[str, str] = {}

    @property
    def late(self) -> int:
        return self._sequencer.late

    @property
    def watermark(self) -> int:
        return self._sequencer.watermark

    def look(self) -> None:
        """Find this sequencer's place in the stream; where that is forgotten, the table must tell."""
        if self.is_trimmed(self._state):
            self._sequencer.open(TABLE)
        self.open(self._state)
        self._looked = True

    def is_trimmed(self, state: State) -> bool:
        """Whether the stream no longer has what comes after the state: then only the table knows."""
        self._list(fresh=False)
        if not state.shards.keys() - {TABLE} <= self._listed.keys():
            self._list()
        trimmed = False
        for name, shard in state.shards.items():
            if name == TABLE:
                continue
            try:
                if name in self._listed:
                    self._iterators[name] = self._shards().iterator(name, shard.sequence)
                else:
                    trimmed = True
            except Gone:
                trimmed, self._iterators[name] = True, self._shards().iterator(name, 0)
        return trimmed

    def open(self, state: State) -> None:
        """Open what is new in the stream, and let go of what is no longer there."""
        self._open_new()
        for name in state.shards:
            if name not in self._listed and name != TABLE:
                self._sequencer.close(name, *children(self._listed, name))

    def _list(self, *, fresh: bool = True) -> None:
        self._listed, self._listed_at = self._shards().listed(fresh=fresh), self._clock.now()

    def _open_new(self) -> None:
        """Open the shards that nothing known came from, and that no unread one has yet to lead to."""
        known = self._sequencer.shards
        before = ancestors(self._listed, [*known])
        read = before | self._finished
        for name, shard in self._listed.items():
            parent = shard.parent if shard.parent in self._listed else None
            if name not in known and name not in read and (parent is None or parent in read):
                self._sequencer.open(name)

    def round(self, hints: Sequence[Entry], *, pull: bool, stop: Stop) -> tuple[bool, int]:
        """The hints, one look at every shard, the pages that come of it. Whether more may come, and how many events."""
        self._sequencer.hint(hints)
        if pull and not self._looked:
            self.look()
        placed = self.compare(stop) if pull and TABLE in self._sequencer.shards else 0
        if pull and self._clock.now() - self._listed_at > RELIST:
            self._list(fresh=False)
            self._open_new()
        moved = [self._pull(name) for name in self._sequencer.shards if pull and name != TABLE]
        return any(moved), placed + self._write()

    def keep_place(self) -> None:
        """Write down which shards are open now, where no new page says so.

        Shards live for hours: while nothing is committed for a day, the stream would forget all that the last page names.
        """
        now = self._sequencer.shards.keys()
        if self._page is None or TABLE in now or now == self._page.state.shards.keys():
            return
        state = self._sequencer.paged(self._page.first, 0)
        table, key = self._reader.tables.log, page_key(self._reader.tenant, self._page.first)
        self._reader.calls.call(
            "update_item", **update(table, key, sets=state_item(state), condition="attribute_exists(p)")
        )
        self._page = replace(self._page, state=state)

    def compare(self, stop: Stop, on_progress: Callable[[int], None] = lambda commits: None) -> int:
        """Hint every commit that the table has: what the log lacks is placed. Stopped early, it begins anew next time."""
        if not self._looked:
            self.look()
        placed = seen = 0
        more: Item = {}
        while True:
            page = self._reader.calls.call(
                "scan",
                TableName=self._reader.tables.events,
                FilterExpression="attribute_exists(n) AND begins_with(p, :tenant)",
                ExpressionAttributeValues={":tenant": {"S": f"{self._reader.tenant}|"}},
                ConsistentRead=True,
                **more,
            )
            entries = [read_commit(item, self._reader.tenant).entry for item in page["Items"] if is_commit(item)]
            self._sequencer.hint(entries)
            placed += self._write()
            seen += len(entries)
            on_progress(seen)
            if "LastEvaluatedKey" not in page:
                break
            if stop():
                return placed
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        self._sequencer.close(TABLE)
        if placed:
            _log.warning("the log lacked %d events of the table: placed now", placed)
        return placed

    def _pull(self, name: str) -> bool:
        """Take what a shard shows next; at its end, its children. Whether there was anything."""
        iterator = self._iterators.pop(name, None)
        try:
            asked = iterator or self._shards().iterator(name, self._sequencer.shards[name].sequence)
            pulled = self._shards().pull(name, asked)
        except Gone:
            if iterator is None:
                raise Behind from None  # the place itself is forgotten: start over, and compare with the table
            return True  # only the iterator was too old
        self._sequencer.take(pulled.records)
        if pulled.next is not None:
            self._iterators[name] = pulled.next
            return bool(pulled.records)
        self._list()
        following = children(self._listed, name)
        if following:
            self._finished.add(name)
            self._sequencer.close(name, *following)
        return bool(following)

    def _write(self) -> int:
        placed = 0
        while pending := self._sequencer.pending:
            entries = list(pending[: cut(pending)])
            first, time = self._end + 1, max(microseconds(self._clock.now()), self._time + 1)
            item = page_item(self._reader.tenant, first, entries, self._sequencer.paged(first, len(entries)), time)
            try:
                self._reader.calls.call(
                    "put_item",
                    TableName=self._reader.tables.log,
                    Item=item,
                    ConditionExpression="attribute_not_exists(p)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ConditionFailed as failed:
                if failed.found is None or failed.found != item:
                    raise Behind from None
            page = read_page(item)
            self._shelf.keep(page)
            self._page, self._end, self._time = page, page.last, page.time
            placed += page.last - page.first + 1
        return placed
