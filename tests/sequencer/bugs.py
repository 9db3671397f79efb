"""Sequencers and runners with a mistake each, for the judge to find. The first is the naive one."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from leftfold.adapters.dynamodb.sequencing import Entry, Part, Record, Sequencer, Shard, State
from tests.sequencer.running import SCAN, Fenced, Page, Runner
from tests.sequencer.world import Throttled


class EmitsWhatItIsShown(Sequencer):
    """What is shown is the order; sequences that were taken are dropped, and that is all."""

    def _place(self, entry: Entry) -> None:
        self._pending.append(entry)


class FillsNoHoles(Sequencer):
    def _place(self, entry: Entry) -> None:
        if not self._known(entry):
            self._remember(entry)
            self._pending.append(entry)


class FillsWithoutLookingFurther(Sequencer):
    """What is missing goes out as it is found, and nobody asks what it waits for itself."""

    def _place(self, entry: Entry) -> None:
        missing = [] if self._known(entry) else [one for part in entry.parts for one in self._before(part)]
        for one in [*missing, entry]:
            if not self._known(one):
                self._remember(one)
                self._pending.append(one)

    def _before(self, part: Part) -> Sequence[Entry]:
        return [] if self._ready(part) else self._missing(part)


class WaitsForThePrimaryOnly(Sequencer):
    def _place(self, entry: Entry) -> None:
        if not self._known(entry):
            first = entry.parts[0]
            for one in [] if self._ready(first) else self._missing(first):
                self._place(one)
            self._remember(entry)
            self._pending.append(entry)


class EmitsOncePerStream(Sequencer):
    def _put_out(self, entry: Entry) -> None:
        self._remember(entry)
        self._pending += [replace(entry, parts=(part,)) for part in entry.parts]


class TakesTheNewestForTheWatermark(Sequencer):
    """Doesn't wait for the slowest shard."""

    def take(self, records: Iterable[Record]) -> None:
        super().take(records)
        self._advance()

    def _advance(self) -> None:
        slow = self._shards
        newest = max((shard.time for shard in slow.values()), default=0)
        self._shards = {name: Shard(shard.sequence, newest) for name, shard in slow.items()}
        super()._advance()
        self._shards = slow


class ForgetsAtTheWatermark(Sequencer):
    @property
    def _floor(self) -> int:
        return self._watermark


class ForgetsTheSkewOfTheStream(Sequencer):
    """One skew of room: enough for the clocks, not for the writes that are shown late."""

    @property
    def _floor(self) -> int:
        return self._watermark - self._skew


class TrustsForgottenStreams(Sequencer):
    """Takes it that the predecessor is in the log whenever the stream isn't remembered."""

    def _ready(self, part: Part) -> bool:
        return part.stream not in self._ends or super()._ready(part)


class TakesForgottenForNew(Sequencer):
    """What nobody remembers must be new: a hint may be old."""

    def _known(self, entry: Entry) -> bool:
        return any(end.version >= part.first for part in entry.parts if (end := self._ends.get(part.stream)))


class TakesRedeliveredRecords(TakesForgottenForNew):
    """Neither by their sequence nor by their time are they seen to be old."""

    def hint(self, entries: Iterable[Entry]) -> None:
        pass  # not the fault that is looked for here

    def take(self, records: Iterable[Record]) -> None:
        for record in records:
            shard = self._shards[record.shard]
            self._shards[record.shard] = Shard(min(shard.sequence, record.sequence - 1), shard.time)
            super().take([record])


class RemembersNothingAfterARestart(Sequencer):
    def __init__(self, state: State, recent: Any, lookup: Any, **settings: Any) -> None:
        super().__init__(state, [], lookup, **settings)


class RemembersTheLastPageOnly(Sequencer):
    def paged(self, position: int, count: int) -> State:
        return replace(super().paged(position, count), low=position)


class StoresWhatIsNotPaged(Sequencer):
    """The state in a page runs ahead of it: the rest of what was taken is not read again after a crash."""

    def paged(self, position: int, count: int) -> State:
        return replace(super().paged(position, count), shards=dict(self._shards), watermark=self._watermark)


class LetsChildrenHoldNothing(Sequencer):
    def close(self, shard: str, *children: str) -> None:
        super().close(shard)
        for child in children:
            self.open(child)


class LetsTheWatermarkFall(Sequencer):
    """A shard that has shown nothing counts as the beginning of time."""

    def open(self, shard: str) -> None:
        self._shards.setdefault(shard, Shard())
        self._watermark = min(shard.time for shard in self._shards.values())


class CountsAsTakenTooEarly(Sequencer):
    """A look-up fails, and the record will be dropped when it comes again."""

    def take(self, records: Iterable[Record]) -> None:
        for record in records:
            before = self._shards[record.shard]
            try:
                super().take([record])
            except Throttled:
                self._shards[record.shard] = Shard(max(before.sequence, record.sequence), before.time)
                raise


class LosesWhatWasPlacedBeforeAFailure(Sequencer):
    def _place(self, entry: Entry) -> None:
        placed = len(self._pending)
        try:
            super()._place(entry)
        except Throttled:
            del self._pending[placed:]
            raise


class DropsWhatIsLate(Sequencer):
    def _place_late(self, entry: Entry) -> None:
        self._place(entry)


class PlacesWhatIsLateUnasked(Sequencer):
    def __init__(self, state: State, recent: Any, lookup: Any, *, skew: int, is_placed: Any) -> None:
        super().__init__(state, recent, lookup, skew=skew, is_placed=lambda entry: False)


LATE: list[type[Sequencer]] = [DropsWhatIsLate, PlacesWhatIsLateUnasked]

SEQUENCERS: list[type[Sequencer]] = [
    EmitsWhatItIsShown,
    FillsNoHoles,
    FillsWithoutLookingFurther,
    WaitsForThePrimaryOnly,
    EmitsOncePerStream,
    TakesTheNewestForTheWatermark,
    ForgetsAtTheWatermark,
    ForgetsTheSkewOfTheStream,
    TrustsForgottenStreams,
    TakesForgottenForNew,
    TakesRedeliveredRecords,
    RemembersNothingAfterARestart,
    RemembersTheLastPageOnly,
    StoresWhatIsNotPaged,
    LetsChildrenHoldNothing,
    LetsTheWatermarkFall,
    CountsAsTakenTooEarly,
    LosesWhatWasPlacedBeforeAFailure,
]


class GoesOnWhenFenced(Runner):
    """Takes the next free slot instead of starting again from what the other has written."""

    def write(self, count: int) -> None:
        page = tuple(self.sequencer.pending[:count])
        state = self.sequencer.paged(self.next, count)
        try:
            self.log.write(Page(self.next, page, state))
        except Fenced:
            self.log.write(Page(self.log.end, page, state))
        self.next = self.log.end


class OverlooksLosses(Runner):
    def lost(self) -> None:
        pass


class ScansWithoutHoldingTheWatermark(Runner):
    def lost(self) -> None:
        super().lost()
        self.sequencer._shards[SCAN] = Shard(time=2**62)


class LetsGoBeforeTheScanIsDone(Runner):
    def scan(self, limit: int) -> None:
        super().scan(limit)
        self.sequencer.close(SCAN)


RUNNERS: list[type[Runner]] = [
    GoesOnWhenFenced,
    OverlooksLosses,
    ScansWithoutHoldingTheWatermark,
    LetsGoBeforeTheScanIsDone,
]
