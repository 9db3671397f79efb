"""An event source mapping on a stream (Kinesis, DynamoDB): in order by shard, retried from the first failure.

source = StreamSource(batch_size=10, retries=3, weather=Weather(seed=7, again=0.1, late=0.1))
source.put(kinesis_record(b"...", key="ann", sequence=1))
source.run(lambda event: invoke(handler, event))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zlib import crc32

from msgspec import Struct, field

from leftfold.testing.clock import FrozenClock
from leftfold.testing.sources.answers import Reports, first_failed
from leftfold.testing.sources.deliveries import MOST_CALLS, Clock, Delivery, Handler, Weather, backoff_s, run
from leftfold.testing.sources.records import Record, key_of, sequence_of

BATCH_RECORDS: Final = 100  # AWS's default
PAYLOAD_BYTES: Final = 6 * 1024 * 1024  # of an invocation's event (Lambda quotas)
REWIND: Final = 3  # records before a batch that may come again with it

OnError = Literal["retry", "bisect"]
"""`BisectBatchOnFunctionError`: off and on."""


class _Kept(Struct, frozen=True):
    sequence: str
    json: str
    arrived: datetime


class _Batch(Struct, frozen=True):
    """Records of a lane, from `start` to before `end`; `tries` that have failed already."""

    start: int
    end: int
    tries: int = 0


class _Lane(Struct, eq=False):
    """What keeps its order: a shard, or one of its parts where it is worked on in parallel."""

    shard: str
    source: str
    arn: str
    kept: list[_Kept] = field(default_factory=list[_Kept])
    at: int = 0  # the first that was in no batch yet
    waiting: list[_Batch] = field(default_factory=list[_Batch])  # to be retried, before anything new
    not_before: datetime | None = None
    busy: Delivery | None = None

    @property
    def is_dry(self) -> bool:
        return not self.pending

    @property
    def pending(self) -> int:
        batches: list[_Batch] = [*self.waiting, *([self.busy.token[1]] if self.busy else [])]
        return len(self.kept) - self.at + sum(batch.end - batch.start for batch in batches)


class StreamSource:
    """The mapping. Each knob is AWS's own, under a plain name; `retries` and `max_age_s` of None mean for ever, as there.

    `discarded` has the records that were given up, `failures` the documents that the on-failure destination got.
    `wanted` is the filter: what it refuses is passed over. Retries that are bounded count for a batch and for what is
    left of it, since AWS doesn't say that progress renews them.
    """

    def __init__(
        self,
        *,
        batch_size: int = BATCH_RECORDS,
        window_s: float = 0.0,
        parallel: int = 1,
        on_error: OnError = "retry",
        retries: int | None = None,
        max_age_s: float | None = None,
        reports: Reports = "items",
        wanted: Callable[[Record], bool] = lambda record: True,
        weather: Weather = Weather(),  # noqa: B008 - frozen
        clock: Clock | None = None,
    ) -> None:
        self.batch_size, self.window_s, self.parallel = batch_size, window_s, parallel
        self.on_error, self.retries, self.max_age_s = on_error, retries, max_age_s
        self.reports: Reports = reports
        self.wanted, self.weather = wanted, weather
        self.clock: Clock = clock or FrozenClock()
        self.dice = weather.dice()
        self.discarded: list[Record] = []
        self.failures: list[Record] = []
        self.errors: list[BaseException] = []
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._parents: dict[str, str] = {}

    def put(self, record: Record, *, shard: str = "shardId-000000000000", after: str | None = None) -> None:
        """Append a record to its shard. `after` is the parent, which is worked off before this shard."""
        if after is not None:
            self._parents[shard] = after
        if not self.wanted(record):
            return
        part = crc32(key_of(record).encode()) % self.parallel
        lane = self._lanes.get((shard, part))
        if lane is None:
            lane = self._lanes[shard, part] = _Lane(shard, record["eventSource"], record["eventSourceARN"])
        lane.kept.append(_Kept(sequence_of(record), json.dumps(record), self.clock.now()))

    def feed(self, records: Iterable[tuple[str, Record, str | None]]) -> int:
        """Append what a tail pulled: (shard, record, parent). Returns how many."""
        count = 0
        for shard, record, parent in records:
            self.put(record, shard=shard, after=parent)
            count += 1
        return count

    def run(self, handler: Handler, *, most: int = MOST_CALLS) -> int:
        """Call the handler until nothing is left. Returns the calls. Raises EndlessRetries after `most`."""
        return run(self, handler, most=most)

    def next(self) -> Delivery | None:
        """The next invocation to be made; None when nothing is due. Of several shards, the dice choose."""
        while lanes := [lane for lane in self._lanes.values() if self._is_due(lane)]:
            lane = self.dice.choice(lanes)
            batch = self._without_old(lane, lane.waiting.pop(0) if lane.waiting else self._cut(lane))
            if batch is None:
                continue
            event = {"Records": [json.loads(one.json) for one in lane.kept[batch.start : batch.end]]}
            lane.busy = Delivery(event, lane.shard, batch.tries + 1, (lane, batch))
            return lane.busy
        return None

    def due(self) -> datetime | None:
        """When something will be due that waits now: for its window, or before a retry."""
        waiting = [
            when
            for lane in self._lanes.values()
            if lane.busy is None and not self._is_blocked(lane) and (when := self._when(lane)) is not None
        ]
        return min((when for when in waiting if when > self.clock.now()), default=None)

    def answered(self, delivery: Delivery, answer: Any) -> None:
        """The handler returned. The answer of an invocation that was given up meanwhile is not heard."""
        lane, batch = self._released(delivery)
        if lane is None:
            return
        at = first_failed(answer, [one.sequence for one in lane.kept[batch.start : batch.end]], self.reports)
        if at is None:
            self._again(lane, batch)
        elif at and self.on_error == "bisect":
            lane.waiting.insert(0, _Batch(batch.start + at, batch.end, batch.tries))  # a split costs no retry
        else:
            self._retry(lane, _Batch(batch.start + at, batch.end, batch.tries + 1))

    def failed(self, delivery: Delivery) -> None:
        """The invocation ended without an answer: an error, a time-out, a killed process."""
        lane, batch = self._released(delivery)
        if lane is None:
            return
        size = batch.end - batch.start
        if self.on_error == "bisect" and size > 1:
            half = batch.start + size // 2
            lane.waiting[:0] = [_Batch(batch.start, half, batch.tries), _Batch(half, batch.end, batch.tries)]
        else:
            self._retry(lane, _Batch(batch.start, batch.end, batch.tries + 1))

    @property
    def pending(self) -> int:
        """Records that no answer has covered yet."""
        return sum(lane.pending for lane in self._lanes.values())

    def _is_due(self, lane: _Lane) -> bool:
        if lane.busy is not None or self._is_blocked(lane):
            return False
        when = self._when(lane)
        return when is not None and when <= self.clock.now()

    def _when(self, lane: _Lane) -> datetime | None:
        if lane.waiting:
            return lane.not_before or self.clock.now()
        fresh = len(lane.kept) - lane.at
        if not fresh:
            return None
        opened = lane.kept[lane.at].arrived
        return opened if fresh >= self.batch_size else opened + timedelta(seconds=self.window_s)

    def _is_blocked(self, lane: _Lane) -> bool:
        parent = self._parents.get(lane.shard)
        return parent is not None and not all(one.is_dry for one in self._lanes.values() if one.shard == parent)

    def _cut(self, lane: _Lane) -> _Batch:
        most = min(self.batch_size, len(lane.kept) - lane.at)
        if self.dice.random() < self.weather.uneven:
            most = self.dice.randint(1, most)
        end, size = lane.at + 1, len(lane.kept[lane.at].json)
        while end < lane.at + most and (size := size + len(lane.kept[end].json)) <= PAYLOAD_BYTES:
            end += 1
        batch = _Batch(lane.at, end)
        lane.at = end
        return batch

    def _without_old(self, lane: _Lane, batch: _Batch) -> _Batch | None:
        if self.max_age_s is None:
            return batch
        oldest = self.clock.now() - timedelta(seconds=self.max_age_s)
        start = batch.start
        while start < batch.end and lane.kept[start].arrived < oldest:
            start += 1
        if start > batch.start:
            self._discard(lane, _Batch(batch.start, start, batch.tries), "RecordAgeExceeded")
        return _Batch(start, batch.end, batch.tries) if start < batch.end else None

    def _released(self, delivery: Delivery) -> tuple[_Lane | None, _Batch]:
        lane, batch = delivery.token
        if lane.busy is not delivery:
            return None, batch
        lane.busy = None
        return lane, batch

    def _again(self, lane: _Lane, batch: _Batch) -> None:
        """The checkpoint was not kept: everything from some record on is delivered once more, cut anew."""
        if not lane.waiting and self.dice.random() < self.weather.again:
            lane.at = self.dice.randint(max(0, batch.start - REWIND), batch.end - 1)

    def _retry(self, lane: _Lane, batch: _Batch) -> None:
        if self.retries is not None and batch.tries > self.retries:
            self._discard(lane, batch, "RetryAttemptsExhausted")
            return
        lane.waiting.insert(0, batch)
        lane.not_before = self.clock.now() + timedelta(seconds=backoff_s(batch.tries))

    def _discard(self, lane: _Lane, batch: _Batch, condition: str) -> None:
        given_up = lane.kept[batch.start : batch.end]
        self.discarded += [json.loads(one.json) for one in given_up]
        info = {
            "shardId": lane.shard,
            "startSequenceNumber": given_up[0].sequence,
            "endSequenceNumber": given_up[-1].sequence,
            "approximateArrivalOfFirstRecord": _stamp(given_up[0].arrived),
            "approximateArrivalOfLastRecord": _stamp(given_up[-1].arrived),
            "batchSize": len(given_up),
            "streamArn": lane.arn,
        }
        self.failures.append(
            {
                "requestContext": {"condition": condition, "approximateInvokeCount": batch.tries},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": _stamp(self.clock.now()),
                "KinesisBatchInfo" if lane.source == "aws:kinesis" else "DDBStreamBatchInfo": info,
            }
        )


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
