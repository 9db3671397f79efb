"""Which commit comes next in the log: a pure function from stream records to an order of commits. No I/O.

DynamoDB Streams keeps the order of each item, and a commit is an item of its own: what it shows is a wake-up, not an
order. Shards lag behind each other, a stream's records hop between them, readers start again at an older place. What
comes out of here is complete, every stream's commits in version order, each commit once and after its predecessors in
all of its streams.

The bound. SKEW is more than two writers' clocks may differ, and more than the time from a commit's stamp until it is
written, retries and the stream's own disorder counted in. So what a shard is yet to show is less than 2 SKEW older
than the newest that it has shown. With W, the least over the open shards of the newest time in each:

    every commit with a time up to W - 2 SKEW, the floor, has been placed.

Everything rests on that line. It says what may be forgotten (a stream whose last commit is under the floor), when a
commit of a forgotten stream may go out (its predecessor is under the floor), and that a commit under the floor which
nobody remembers is an old acquaintance. What is missing above it is looked up in the table, where it must be: a commit
names its predecessor's end, and could only be written after it.

A writer that stalls between its stamp and its write breaks the bound. Its record is `late`: where its streams are
forgotten, `is_placed` is asked, which searches the log, and so it is not lost. But a later commit of its stream that
was hinted, or shown in another shard, before it was may have gone out without it: writers must not stall.

Where the line would not hold, hold W: `open` a name that is no shard, `hint` every commit that the table has, `close`
the name. That is how a log begins over a table with a history that its stream no longer shows, and how it is mended
after an outage of over 24 hours: what is in the log already is dropped, what was lost is placed, in order.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from leftfold.core.errors import IntegrityError


class Part(Struct, frozen=True):
    """What a commit appends to one of its streams: versions `first` to `first + count - 1`.

    `before` is the time of the stream's previous commit, 0 where there is none.
    """

    stream: str
    first: int
    count: int
    before: int

    @property
    def last(self) -> int:
        return self.first + self.count - 1


class Entry(Struct, frozen=True):
    """A commit. Its primary stream leads `parts`; `time` is in microseconds and rises strictly within each stream.

    `events` is whatever the runner needs to write it down; nobody here looks at it.
    """

    parts: tuple[Part, ...]
    time: int
    events: Any = None


class Record(Struct, frozen=True):
    """What a shard shows at `sequence`. No entry: not a commit of ours; its time, where known, still tells of the shard."""

    shard: str
    sequence: int
    entry: Entry | None = None
    time: int = 0


class Shard(Struct, frozen=True):
    """How far an open shard has been taken: its last sequence, and the newest time seen in it."""

    sequence: int = 0
    time: int = 0


class State(Struct, frozen=True):
    """What a restart needs: small, for it stands in every page.

    `low` is the position of the earliest page with a commit over the floor: the last versions of the streams that must
    be remembered are not stored, they are read again from there on.
    """

    shards: dict[str, Shard] = {}
    watermark: int = 0
    low: int = 0


class Lookup(Protocol):
    """The table, read consistently: every commit that anything refers to is there. Answers come in version order."""

    def between(self, stream: str, after_version: int, before_version: int) -> Sequence[Entry]:
        """The stream's commits whose first version is over the one and under the other."""
        ...

    def since(self, stream: str, before_version: int, time: int) -> Sequence[Entry]:
        """The stream's commits under this version, from the end backwards for as long as their time is over `time`."""
        ...


class _Last(NamedTuple):
    version: int
    time: int


class _Page(NamedTuple):
    position: int
    newest: int  # the newest time in it


class Sequencer:
    """Places commits. What is placed and in no page yet is `pending`, in order; the runner cuts pages from its front.

    Started from the state in the log's last page, and from the commits in the pages from `state.low` on, by position:
    only their parts and times matter. A page that could not be written because another sequencer took its slot means
    that this one is behind: throw it away and start another.

    A look-up may raise. Nothing is lost by it: call again with the same records.

    `is_placed` says whether a commit stands in a page; it is asked about late records only, and may be slow.
    """

    def __init__(
        self,
        state: State,
        recent: Iterable[tuple[int, Iterable[Entry]]],
        lookup: Lookup,
        *,
        skew: int,
        is_placed: Callable[[Entry], bool] = lambda entry: True,
    ) -> None:
        if skew <= 0:
            raise ValueError("skew must be positive: commits of one moment would be taken for known ones")
        self._lookup, self._skew, self._is_placed = lookup, skew, is_placed
        self._shards, self._watermark = dict(state.shards), state.watermark
        self._settled = state  # the newest state whose every commit stands in a page
        self._ends: OrderedDict[str, _Last] = OrderedDict()  # the streams over the floor; oldest first, nearly
        self._pages: deque[_Page] = deque()
        self._pending: list[Entry] = []
        self.late = 0  # records that broke the bound: tell somebody
        for position, page in recent:
            entries = list(page)
            for entry in entries:
                self._remember(entry)
            self._paged(position, entries)

    @property
    def pending(self) -> Sequence[Entry]:
        return self._pending

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def shards(self) -> dict[str, Shard]:
        """The open shards and how far each is taken; the names that hold W are among them."""
        return dict(self._shards)

    @property
    def remembered(self) -> int:
        """How many streams are kept in memory. It grows while an idle shard holds W."""
        return len(self._ends)

    def open(self, shard: str) -> None:
        """Let a shard without a known parent, or any other name, hold W where it is. All of the first before a record."""
        self._shards.setdefault(shard, Shard(time=self._watermark))

    def close(self, shard: str, *children: str) -> None:
        """This shard is read to its end, and these go on from it: they hold W at its time until they show more.

        A closed shard whose children are not listed yet is still open here: without them W would move over what they
        are about to show.
        """
        ended = self._shards.pop(shard, Shard(time=self._watermark))
        for child in children:
            known = self._shards.get(child, Shard())
            self._shards[child] = Shard(known.sequence, max(known.time, ended.time))
        self._advance()

    def take(self, records: Iterable[Record]) -> None:
        """Place what these records tell of, in their shards' order. A sequence that was taken before is dropped."""
        for record in records:
            shard, entry = self._shards[record.shard], record.entry
            if record.sequence <= shard.sequence:
                continue
            if entry and entry.time <= self._floor:
                self._place_late(entry)
            elif entry:
                self._place(entry)
            # Only now: had a look-up failed before, the record must not count as taken.
            time = max(shard.time, entry.time if entry else record.time)
            self._shards[record.shard] = Shard(record.sequence, time)
            if shard.time <= self._watermark < time:
                self._advance()

    def hint(self, entries: Iterable[Entry]) -> None:
        """Place commits known from elsewhere: just appended by this process, or read from the table. Any order will do."""
        for entry in entries:
            self._place(entry)

    def paged(self, position: int, count: int) -> State:
        """The first `count` pending commits go into the page at `position`: the state to write with them.

        While others are pending it is an older one: a restart must take again the records of those that no page has.
        """
        entries = self._pending[:count]
        del self._pending[:count]
        self._paged(position, entries)
        if not self._pending:
            self._settled = State(dict(self._shards), self._watermark)
        floor = self._settled.watermark - 2 * self._skew
        while self._pages and self._pages[0].newest <= floor:
            self._pages.popleft()
        low = self._pages[0].position if self._pages else position
        return State(self._settled.shards, self._settled.watermark, low)

    @property
    def _floor(self) -> int:
        return self._watermark - 2 * self._skew

    def _advance(self) -> None:
        """W follows the slowest shard, never back; with it goes what no longer needs to be remembered."""
        self._watermark = max(self._watermark, min((shard.time for shard in self._shards.values()), default=0))
        while self._ends and next(iter(self._ends.values())).time <= self._floor:
            self._ends.popitem(last=False)

    def _place(self, entry: Entry) -> None:
        """Put out a commit and, before it, whatever it waits for. A stack: what is missing may itself miss others."""
        stack = [(entry, iter(entry.parts))]
        while stack:
            entry, parts = stack[-1]
            if self._known(entry):
                stack.pop()
            elif part := next((part for part in parts if not self._ready(part)), None):
                stack.extend((missing, iter(missing.parts)) for missing in reversed(self._missing(part)))
            else:
                self._put_out(entry)
                stack.pop()

    def _place_late(self, entry: Entry) -> None:
        """A fresh record from under the floor: where nobody remembers its streams, the log itself must tell."""
        forgotten = not any(part.stream in self._ends for part in entry.parts)
        if forgotten and all(one.parts != entry.parts for one in self._pending) and not self._is_placed(entry):
            self._put_out(entry)
        else:
            self._place(entry)
        self.late += 1

    def _known(self, entry: Entry) -> bool:
        """Whether it is in the log. A remembered stream knows for certain; when all are forgotten, the floor tells."""
        ends = [(self._ends.get(part.stream), part) for part in entry.parts]
        told = [part.first <= end.version for end, part in ends if end]
        return any(told) if told else entry.time <= self._floor

    def _ready(self, part: Part) -> bool:
        """Whether the stream's previous commit is in the log, for a part that is not."""
        if end := self._ends.get(part.stream):
            return part.first == end.version + 1
        return part.first == 1 or part.before <= self._floor

    def _missing(self, part: Part) -> Sequence[Entry]:
        """What the table has between the log's end of this stream and the part."""
        if end := self._ends.get(part.stream):
            return self._lookup.between(part.stream, end.version, part.first)
        return self._lookup.since(part.stream, part.first, self._floor)

    def _put_out(self, entry: Entry) -> None:
        """Nothing leaves before its predecessors, whatever the table has answered."""
        if gap := next((part for part in entry.parts if not self._ready(part)), None):
            raise IntegrityError(
                f"{gap.stream} has no commit that ends at version {gap.first - 1}, which the one at {gap.first} follows;"
                " restore the events table"
            )
        self._remember(entry)
        self._pending.append(entry)

    def _remember(self, entry: Entry) -> None:
        for part in entry.parts:
            self._ends[part.stream] = _Last(part.last, entry.time)
            self._ends.move_to_end(part.stream)

    def _paged(self, position: int, entries: Sequence[Entry]) -> None:
        if entries:
            self._pages.append(_Page(position, max(entry.time for entry in entries)))
