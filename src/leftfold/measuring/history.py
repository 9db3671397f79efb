"""A history in figures: sizes, commits, streams and times, from all of its events or from windows spread over it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Final

from leftfold.codec.envelope import Codec
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Slot, Stored
from leftfold.ports.store import PAGE_EVENTS, EventStore, Log
from leftfold.replaying.survey import places

WINDOWS: Final = 40  # spread evenly: what comes in waves, as new streams do, is met at every season
WINDOW_EVENTS: Final = 2_500  # 100,000 events in all: some seconds, and less memory than an app's caches
LOOKED_UP_STREAMS: Final = 500  # whose length is asked for, one read each: enough for a 99th percentile
SPAN_S: Final = 86_400.0  # a day of recorded times, at the least, before they say how often anything happens
TIME_PARTS: Final = 20  # of that span ...
MOST_IN_ONE: Final = 0.5  # ... and no one of them may hold over half of the commits: that would be an import

Advance = Callable[[int, int], None]
"""Called with (done, in all)."""


class History:
    """What was seen of a log that has `end` events: `read` of them, in `windows` places."""

    def __init__(self, end: int, codec: Codec) -> None:
        self.end, self._codec = end, codec
        self.read = self.unreadable = self.commits = self.windows = 0
        self.data_bytes: list[int] = []  # of each event's data, as JSON
        self.stored_bytes = 0  # with their envelopes
        self.envelope_bytes = 0
        self.written = 0  # streams that commits wrote: a commit over two counts twice
        self.begun: list[str] = []  # streams whose first event was seen: every stream has just one
        self.types: dict[str, int] = {}  # how many of each stored type
        self.lengths: list[int] = []
        self.longest = 0
        self.shared: set[str] = set()  # streams that more than one actor wrote
        self.times: list[float] = []  # of commits
        self.busiest_s = 0  # commits to one stream in one second, at the most
        self._ends: dict[str, int] = {}
        self._actors: dict[str, str] = {}
        self._second: dict[tuple[str, int], int] = {}
        self._here: set[str] = set()  # streams that the commit at hand has written so far

    @property
    def is_whole(self) -> bool:
        return self.read == self.end

    @property
    def times_more(self) -> float:
        """How many times what was read the log is."""
        return self.end / self.read if self.read else 0.0

    @property
    def streams(self) -> int:
        """How many there are: as many as beginnings. Of samples an estimate, but never fewer than were seen."""
        return max(len(self._ends), round(len(self.begun) * self.times_more))

    @property
    def span_s(self) -> float:
        return max(self.times) - min(self.times) if self.times else 0.0

    def share(self, types: Collection[str]) -> float:
        """Of what was read, the events of these stored types."""
        return sum(self.types.get(name, 0) for name in types) / self.read

    def take(self, page: Sequence[Stored]) -> None:
        for stored in page:
            self.read += 1
            self.stored_bytes += len(stored.body)
            self.types[stored.type] = self.types.get(stored.type, 0) + 1
            try:
                event = self._codec.peek(stored)
            except IntegrityError:
                self.unreadable += 1
                continue
            self.data_bytes.append(len(bytes(event.data)))
            self.envelope_bytes += len(stored.body) - self.data_bytes[-1]
            at = event.at.timestamp()
            if event.meta.index == 0:
                self.commits += 1
                self.times.append(at)
                self._here = set()
            for slot in event.slots:
                self._take_slot(slot, at, event.meta.actor)

    def _take_slot(self, slot: Slot, at: float, actor: str | None) -> None:
        stream, version = slot
        if version == 1:
            self.begun.append(stream)
        self._ends[stream] = max(version, self._ends.get(stream, 0))
        if actor is not None and self._actors.setdefault(stream, actor) != actor:
            self.shared.add(stream)
        if stream not in self._here:
            self._here.add(stream)
            self.written += 1
            second = (stream, int(at))
            self._second[second] = self._second.get(second, 0) + 1

    def finish(self, store: EventStore) -> None:
        """The lengths of streams, of a bounded number of them: of all that began where all was read, else looked up."""
        self.busiest_s = max(self._second.values(), default=0)
        if self.is_whole:
            self.lengths = sorted(self._ends.values())
        else:
            step = max(1, math.ceil(len(self.begun) / LOOKED_UP_STREAMS))
            found = (store.last(stream) for stream in self.begun[::step])
            self.lengths = sorted(last.version for last in found if last is not None)
        self.longest = max([*self.lengths[-1:], *self._ends.values()], default=0)
        self._second.clear()

    def why_no_rates(self) -> str | None:
        """Why the recorded times don't say how often anything happens; None where they do."""
        if self.span_s < SPAN_S:
            return f"all of it was recorded within {said_s(self.span_s)}: it looks like an import, or a first try"
        start, part = min(self.times), self.span_s / TIME_PARTS
        parts = [0] * TIME_PARTS
        for at in self.times:
            parts[min(TIME_PARTS - 1, int((at - start) / part))] += 1
        if max(parts) > MOST_IN_ONE * len(self.times):
            share = max(parts) / len(self.times)
            return (
                f"{share:.0%} of all, over {said_s(self.span_s)}, came within {said_s(part)}: it looks like an import"
            )
        return None


def read_history(log: Log, end: int, codec: Codec, advance: Advance) -> History:
    """All of it, or WINDOWS windows. Raises IntegrityError where the log has a gap."""
    found = History(end, codec)
    for start in places(end, WINDOW_EVENTS, WINDOWS):
        upto = min(end, start + WINDOW_EVENTS)
        found.windows += 1
        while start < upto:
            page = log.page(after=start, limit=min(PAGE_EVENTS, upto - start))
            if not page:
                raise IntegrityError(
                    f"the log has a gap after position {start:,}: `leftfold check APP` looks closer.",
                    position=start + 1,
                )
            found.take(page)
            start = page[-1].position
            advance(found.read, min(end, WINDOWS * WINDOW_EVENTS))
    return found


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank's: the least value that `share` of them do not exceed; 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def said_s(seconds: float) -> str:
    """A time in its own unit."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds" if seconds >= 2 else "two seconds"


def days(seconds: float) -> float:
    return seconds / 86_400
