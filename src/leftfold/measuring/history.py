"""A history in figures: sizes, commits, streams and times, from all of its events or from windows spread over it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol

from leftfold.codec.envelope import Codec
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Slot, Stored
from leftfold.ports.store import PAGE_EVENTS, Log

WINDOWS: Final = 40  # spread evenly: what comes in waves, as new streams do, is met at every season
WINDOW_EVENTS: Final = 2_500  # 100,000 events in all: some seconds, and less memory than an app's caches
LOOKED_UP_STREAMS: Final = 500  # whose length is asked for, one read each: enough for a 99th percentile
SPAN_S: Final = 86_400.0  # a day of recorded times, at the least, before they say how often anything happens
TIME_PARTS: Final = 20  # of that span ...
MOST_IN_ONE: Final = 0.5  # ... and no one of them may hold over half of the commits: that would be an import

Advance = Callable[[int, int], None]
"""Called with (done, in all)."""


class Ends(Protocol):
    """What is asked of an EventStore."""

    def last(self, stream: str) -> Stored | None: ...


class History:
    """What was seen of a log that has `end` events: `read` of them, in `windows` places."""

    def __init__(self, end: int, codec: Codec) -> None:
        self.end, self._codec = end, codec
        self.read = self.unreadable = self.commits = self.windows = 0
        self.data_bytes: list[int] = []  # of each event's data, as JSON
        self.stored_bytes = 0  # with their envelopes
        self.envelope_bytes = 0
        self.ended = self.ended_events = 0  # commits of which the end was seen too, and their events
        self.written = 0  # streams that commits wrote: a commit over two counts twice
        self.slots = 0  # places in streams that events took: in one each, mostly
        self.begun = 0  # streams whose first event was seen
        self.types: dict[str, int] = {}  # how many of each stored type
        self.lengths: list[int] = []  # of streams, in order: of all, or of some that were met
        self.longest = 0
        self.shared: set[str] = set()  # streams that more than one actor wrote
        self.times: list[float] = []  # of commits
        self.first_s, self.last_s = float("inf"), 0.0  # of the whole log
        self.busiest_s = 0  # commits to one stream in one second, at the most
        self._ends: dict[str, int] = {}
        self._actors: dict[str, str] = {}
        self._second: dict[tuple[str, int], int] = {}
        self._at_hand = 0  # events of the commit at hand; 0 where its beginning was not seen
        self._here: set[str] = set()  # streams that the commit at hand has written so far

    @property
    def is_whole(self) -> bool:
        return self.read == self.end

    @property
    def times_more(self) -> float:
        """How many times what was read the log is."""
        return self.end / self.read if self.read else 0.0

    @property
    def commit_events(self) -> float:
        """Of a commit, on average. Of samples, without those that a window cuts: large ones are cut often."""
        if self.is_whole or not self.ended:
            return len(self.data_bytes) / self.commits
        return self.ended_events / self.ended

    @property
    def all_commits(self) -> float:
        return len(self.data_bytes) * self.times_more / self.commit_events

    @property
    def streams(self) -> int:
        """How many there are: each has one first event. Of samples an estimate, but never fewer than were met."""
        return max(len(self._ends), round(self.begun * self.times_more))

    @property
    def stream_events(self) -> float:
        """Of a stream, on average; those of several streams count in each."""
        return self.slots * self.times_more / self.streams

    @property
    def span_s(self) -> float:
        return max(0.0, self.last_s - self.first_s)

    def share(self, types: Collection[str]) -> float:
        """Of what was read, the events of these stored types."""
        return sum(self.types.get(name, 0) for name in types) / self.read

    def begin_window(self) -> None:
        """What comes next may be the middle of a commit."""
        self._at_hand = 0

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
                self.ended += self._at_hand > 0
                self.ended_events += self._at_hand
                self._at_hand = 0
                self.commits += 1
                self.times.append(at)
                self._here = set()
            self._at_hand += self._at_hand > 0 or event.meta.index == 0
            for slot in event.slots:
                self._take_slot(slot, at, event.meta.actor)

    def _take_slot(self, slot: Slot, at: float, actor: str | None) -> None:
        stream, version = slot
        self.slots += 1
        if version == 1:
            self.begun += 1
        self._ends[stream] = max(version, self._ends.get(stream, 0))
        if actor is not None and self._actors.setdefault(stream, actor) != actor:
            self.shared.add(stream)
        if stream not in self._here:
            self._here.add(stream)
            self.written += 1
            second = (stream, int(at))
            self._second[second] = self._second.get(second, 0) + 1

    def take_ends(self, page: Sequence[Stored]) -> None:
        """The first and the last event of the log."""
        for stored in page:
            with suppress(IntegrityError):
                at = self._codec.peek(stored).at.timestamp()
                self.first_s, self.last_s = min(at, self.first_s), max(at, self.last_s)

    def finish(self, store: Ends) -> None:
        """The lengths of streams. Of samples they are looked up, of some: long streams are met more often."""
        self.busiest_s = max(self._second.values(), default=0)
        if self.is_whole:
            self.lengths = sorted(self._ends.values())
        else:
            met = list(self._ends)
            found = (store.last(stream) for stream in met[:: max(1, math.ceil(len(met) / LOOKED_UP_STREAMS))])
            self.lengths = sorted(last.version for last in found if last is not None)
        self.longest = max([*self.lengths[-1:], *self._ends.values()], default=0)
        self._second.clear()

    def why_no_rates(self) -> str | None:
        """Why the recorded times don't say how often anything happens; None where they do."""
        if self.span_s < SPAN_S:
            return f"all of it was recorded within {said_s(self.span_s)}: it looks like an import, or a first try"
        part = self.span_s / TIME_PARTS
        parts = [0] * TIME_PARTS
        for at in self.times:
            parts[max(0, min(TIME_PARTS - 1, int((at - self.first_s) / part)))] += 1
        if max(parts) > MOST_IN_ONE * len(self.times):
            share = max(parts) / len(self.times)
            return (
                f"{share:.0%} of all, over {said_s(self.span_s)}, came within {said_s(part)}: it looks like an import"
            )
        return None


def read_history(log: Log, end: int, codec: Codec, advance: Advance) -> History:
    """All of it, or WINDOWS windows. Raises IntegrityError where the log has a gap."""
    found = History(end, codec)
    if end:
        found.take_ends([*log.page(limit=1), *log.page(after=end - 1, limit=1)])
    for start in windows(end):
        upto = min(end, start + WINDOW_EVENTS)
        found.windows += 1
        found.begin_window()
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


def windows(end: int) -> list[int]:
    """After which positions: everywhere in a short log, else each in the middle of its part.

    Not at the very beginning: there nearly every event is its stream's first, as nowhere else.
    """
    if end <= WINDOWS * WINDOW_EVENTS:
        return list(range(0, end, WINDOW_EVENTS))
    return [(2 * number + 1) * end // (2 * WINDOWS) - WINDOW_EVENTS // 2 for number in range(WINDOWS)]


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
