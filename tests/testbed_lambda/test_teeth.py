"""The questions of asked.py find each of these wrong simulators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from leftfold.testing.sources import QueueSource, RuleSource, StreamSource, answers, queues, streams
from leftfold.testing.sources.deliveries import Delivery
from leftfold.testing.sources.records import sequence_of
from tests.testbed_lambda.asked import QUEUE, RULE, STREAM


class TrustsAnyAnswer(StreamSource):
    def answered(self, delivery: Delivery, answer: Any) -> None:
        super().answered(delivery, None)


class RetriesOnlyTheFailed(StreamSource):
    """The one record again, not what comes after it."""

    def answered(self, delivery: Delivery, answer: Any) -> None:
        super().answered(delivery, answer)
        lane = delivery.token[0]
        if lane.waiting:
            first = lane.waiting[0]
            lane.waiting[0] = type(first)(first.start, first.start + 1, first.tries)


class ForgetsAfterAnError(StreamSource):
    def failed(self, delivery: Delivery) -> None:
        super().answered(delivery, None)


class GoesOnBeforeTheRetry(StreamSource):
    def _retry(self, lane: Any, batch: Any) -> None:
        super()._retry(lane, batch)
        if lane.waiting and lane.at < len(lane.kept):
            lane.waiting.insert(0, self._cut(lane))


class CountsSplits(StreamSource):
    def failed(self, delivery: Delivery) -> None:
        lane = delivery.token[0]
        super().failed(delivery)
        lane.waiting[:] = [type(one)(one.start, one.end, one.tries + 1) for one in lane.waiting]


class HearsTheDead(StreamSource):
    """The late answer of a timed-out invocation moves the checkpoint."""

    def answered(self, delivery: Delivery, answer: Any) -> None:
        delivery.token[0].busy = delivery
        super().answered(delivery, answer)


class NeverGivesUp(StreamSource):
    def _retry(self, lane: Any, batch: Any) -> None:
        super()._retry(lane, type(batch)(batch.start, batch.end, min(batch.tries, self.retries or 0)))


class LosesWhatItDiscards(StreamSource):
    def _discard(self, lane: Any, batch: Any, condition: str) -> None:
        pass


class IgnoresParents(StreamSource):
    def _is_blocked(self, lane: Any) -> bool:
        return False


class TwoBatchesOfAShard(StreamSource):
    def _is_due(self, lane: Any) -> bool:
        busy, lane.busy = lane.busy, None
        due = super()._is_due(lane)
        lane.busy = busy
        return due


class OneShardAtATime(StreamSource):
    def _is_due(self, lane: Any) -> bool:
        return all(other.busy is None for other in self._lanes.values()) and super()._is_due(lane)


class PartsByTurn(StreamSource):
    """Parallel parts, by turn instead of by key."""

    def put(self, record: Any, **named: Any) -> None:
        with mock.patch.object(streams, "crc32", return_value=int(sequence_of(record))):
            super().put(record, **named)


class NeverAgain(StreamSource):
    def _again(self, lane: Any, batch: Any) -> None:
        pass


class SkipsAfterAgain(StreamSource):
    """A batch that came again moves the checkpoint past what was never delivered."""

    def _again(self, lane: Any, batch: Any) -> None:
        super()._again(lane, batch)
        if lane.at < batch.end:
            lane.at = min(len(lane.kept), batch.end + 1)


class NoWindow(StreamSource):
    def _when(self, lane: Any) -> Any:
        self.window_s = 0
        return super()._when(lane)


class NoAge(StreamSource):
    def _without_old(self, lane: Any, batch: Any) -> Any:
        return batch


class SharesItsRecords(StreamSource):
    """Handlers get the very objects that come again."""

    def put(self, record: Any, **named: Any) -> None:
        self.__dict__.setdefault("shared", {})[sequence_of(record)] = record
        super().put(record, **named)

    def next(self) -> Delivery | None:
        delivery, shared = super().next(), self.__dict__.get("shared", {})
        if delivery is not None:
            delivery.event["Records"][:] = [shared[sequence_of(one)] for one in delivery.event["Records"]]
        return delivery


class DeletesTheWholeBatch(QueueSource):
    def answered(self, delivery: Delivery, answer: Any) -> None:
        super().answered(delivery, None)


class FailsTheWholeBatch(QueueSource):
    def answered(self, delivery: Delivery, answer: Any) -> None:
        super().answered(delivery, "unreadable" if answer else None)


class NeverHides(QueueSource):
    def failed(self, delivery: Delivery) -> None:
        super().failed(delivery)
        for message in delivery.token:
            message.visible = None


class DropsTheWholeBatch(QueueSource):
    """What was received with a spent message is set aside, too."""

    def _take(self) -> list[Any]:
        before = len(self.dead)
        taken = super()._take()
        if len(self.dead) > before:
            self.dead += [self._record(message) for message in taken]
        for message in self._messages if self.receives else ():
            message.receives = max(message.receives, 2)
        return taken


class InOrder(QueueSource):
    def _take(self) -> list[Any]:
        with mock.patch.object(self.dice, "shuffle"):
            return super()._take()


class NoGroups(QueueSource):
    def _in_order(self, seen: list[Any]) -> list[Any]:
        return seen


class GivesUpAtOnce(RuleSource):
    def failed(self, delivery: Delivery) -> None:
        delivery.token.tries += 5
        super().failed(delivery)


class ANewEventEachTry(RuleSource):
    def next(self) -> Delivery | None:
        delivery = super().next()
        if delivery is not None:
            delivery.event["id"] = str(self.dice.random())
        return delivery


class ReadsAnswers(RuleSource):
    def answered(self, delivery: Delivery, answer: Any) -> None:
        if answer:
            self.failed(delivery)
        else:
            super().answered(delivery, answer)


class FirstInFirstOut(RuleSource):
    def next(self) -> Delivery | None:
        with mock.patch.object(self.dice, "choice", lambda ready: ready[0]):
            return super().next()


class WantsEverything(RuleSource):
    def put(self, entry: Any) -> None:
        self.wanted = lambda event: True
        super().put(entry)


def lenient(answer: Any, ids: Any) -> list[str]:
    """Skips what it doesn't understand."""
    told = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    named = [item.get("itemIdentifier") for item in told or [] if isinstance(item, dict)]
    return [one for one in named if one in ids]


def the_last(answer: Any, sequences: Any, reports: Any) -> int | None:
    failed = answers.failed_items(answer, sequences)
    return 0 if failed is None else max(map(sequences.index, failed), default=None)


def patched(module: Any, name: str, wrong: Any, source: type) -> type:
    """The source, with a function of its module replaced in each call."""

    class Wrong(source):  # type: ignore[misc]
        def answered(self, delivery: Delivery, answer: Any) -> None:
            with mock.patch.object(module, name, wrong):
                super().answered(delivery, answer)

    Wrong.__name__ = wrong.__name__
    return Wrong


WRONG: list[tuple[type, list[Callable[..., None]]]] = [
    *(
        (wrong, STREAM)
        for wrong in (
            TrustsAnyAnswer,
            RetriesOnlyTheFailed,
            ForgetsAfterAnError,
            GoesOnBeforeTheRetry,
            CountsSplits,
            HearsTheDead,
            NeverGivesUp,
            LosesWhatItDiscards,
            IgnoresParents,
            TwoBatchesOfAShard,
            OneShardAtATime,
            PartsByTurn,
            NeverAgain,
            SkipsAfterAgain,
            NoWindow,
            NoAge,
            SharesItsRecords,
            patched(answers, "failed_items", lenient, StreamSource),
            patched(streams, "first_failed", the_last, StreamSource),
        )
    ),
    *(
        (wrong, QUEUE)
        for wrong in (
            DeletesTheWholeBatch,
            FailsTheWholeBatch,
            NeverHides,
            DropsTheWholeBatch,
            InOrder,
            NoGroups,
            patched(queues, "failed_items", lenient, QueueSource),
        )
    ),
    *((wrong, RULE) for wrong in (GivesUpAtOnce, ANewEventEachTry, ReadsAnswers, FirstInFirstOut, WantsEverything)),
]


def caught(wrong: type, questions: list[Callable[..., None]]) -> list[str]:
    found = []
    for question in questions:
        try:
            question(wrong)
        except AssertionError:
            found.append(question.__name__)
    return found


def test_each_wrong_simulator_is_caught(record_property: Callable[[str, object], None]) -> None:
    missed = [wrong.__name__ for wrong, questions in WRONG if not caught(wrong, questions)]
    assert missed == []
    record_property("figure", f"Lambda sources: {len(WRONG)} of {len(WRONG)} wrong simulators caught")
