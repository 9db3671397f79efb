"""What AWS documents of event source mappings, as questions to a simulator: each raises AssertionError where it differs.

The suites below ask the real one; test_teeth.py asks wrong ones.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from leftfold.testing.clock import FrozenClock
from leftfold.testing.sources import QueueSource, RuleSource, StreamSource, Weather, dynamodb_record, kinesis_record
from leftfold.testing.sources.records import sequence_of

Streams = Callable[..., StreamSource]
Queues = Callable[..., QueueSource]
Rules = Callable[..., RuleSource]

ENTRY: Final = {"Source": "bank", "DetailType": "Opened", "Detail": '{"owner": "Ann"}'}
SHARD: Final = "shardId-000000000000"


def filled(source: StreamSource, count: int, *, shard: str = SHARD, key: Callable[[int], str] = str) -> StreamSource:
    for number in range(1, count + 1):
        source.put(kinesis_record(b"%d" % number, key=key(number), sequence=number, shard=shard), shard=shard)
    return source


def numbers(event: Any) -> list[int]:
    return [int(sequence_of(record)) for record in event["Records"]]


def failures(*ids: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": one if one is None else str(one)} for one in ids]}


class Handler:
    """Keeps what it was given, and answers from a list; then None."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.seen = list(answers), list[list[int]]()

    def __call__(self, event: Any) -> Any:
        self.seen.append(numbers(event))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


# a stream's mapping


def a_shard_is_delivered_in_order_in_batches_of_the_size(streams: Streams) -> None:
    handler = Handler()
    filled(streams(batch_size=4), 10).run(handler)
    assert handler.seen == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def an_error_brings_the_whole_batch_again_before_anything_new(streams: Streams) -> None:
    handler = Handler(None, ValueError("no"), ValueError("no"))
    filled(streams(batch_size=4), 10).run(handler)
    assert handler.seen == [[1, 2, 3, 4], [5, 6, 7, 8], [5, 6, 7, 8], [5, 6, 7, 8], [9, 10]]


def a_partial_answer_brings_everything_from_the_first_failure_again(streams: Streams) -> None:
    handler = Handler(failures(3))
    filled(streams(batch_size=4), 6).run(handler)
    assert handler.seen == [[1, 2, 3, 4], [3, 4], [5, 6]]


def of_several_failures_the_lowest_counts(streams: Streams) -> None:
    handler = Handler(failures(4, 2, 3))
    filled(streams(batch_size=4), 4).run(handler)
    assert handler.seen == [[1, 2, 3, 4], [2, 3, 4]]


def these_answers_are_complete_successes(streams: Streams) -> None:
    misspelt = {"batchItemFailure": [{"itemIdentifier": "1"}]}
    for answer in (None, {}, failures(), {"batchItemFailures": None}, misspelt, {"statusCode": 200}):
        handler = Handler(answer)
        filled(streams(), 2).run(handler)
        assert handler.seen == [[1, 2]], answer


def these_answers_are_complete_failures(streams: Streams) -> None:
    wrong: list[Any] = [
        failures(""),
        failures(None),
        failures(99),
        failures(2, 99),
        {"batchItemFailures": [{"ItemIdentifier": "2"}]},
        {"batchItemFailures": [{"itemIdentifier": 2}]},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": "2"},
        "done",
        ["2"],
    ]
    for answer in wrong:
        handler = Handler(answer)
        filled(streams(), 3).run(handler)
        assert handler.seen == [[1, 2, 3], [1, 2, 3]], answer


def an_answer_is_not_looked_at_where_items_are_not_reported(streams: Streams) -> None:
    handler = Handler(failures(1))
    filled(streams(reports="batch"), 2).run(handler)
    assert handler.seen == [[1, 2]]


def bounded_retries_give_the_rest_of_the_batch_up_and_go_on(streams: Streams) -> None:
    source, handler = streams(batch_size=3, retries=2), Handler(*[failures(2)] * 3)
    filled(source, 4).run(handler)
    assert handler.seen == [[1, 2, 3], [2, 3], [2, 3], [4]]
    assert [int(sequence_of(record)) for record in source.discarded] == [2, 3]
    assert source.failures
    told = source.failures[0]
    assert told["requestContext"] == {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3}
    assert told["KinesisBatchInfo"]["startSequenceNumber"] == "2"
    assert told["KinesisBatchInfo"]["endSequenceNumber"] == "3"
    assert told["KinesisBatchInfo"]["batchSize"] == 2
    assert told["KinesisBatchInfo"]["shardId"] == SHARD
    assert len(source.failures) == 1


def retries_without_a_bound_never_give_up(streams: Streams) -> None:
    source, handler = streams(), Handler(*[ValueError("no")] * 500)
    filled(source, 1).run(handler)
    assert len(handler.seen) == 501
    assert source.discarded == []


def no_retries_at_all_may_be_asked_for(streams: Streams) -> None:
    source = streams(retries=0)
    filled(source, 1).run(Handler(ValueError("no")))
    assert len(source.discarded) == 1


def a_bisected_error_costs_no_retry_and_isolates_the_bad_record(streams: Streams) -> None:
    seen: list[list[int]] = []

    def handler(event: Any) -> None:
        seen.append(numbers(event))
        if 3 in seen[-1]:
            raise ValueError("three")

    source = streams(batch_size=4, on_error="bisect", retries=1)
    filled(source, 6).run(handler)
    assert seen == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4], [5, 6]]
    assert [int(sequence_of(record)) for record in source.discarded] == [3]


def a_bisected_partial_answer_splits_at_the_failure_and_retries_only_the_rest(streams: Streams) -> None:
    source, handler = streams(batch_size=6, on_error="bisect", retries=0), Handler(failures(3), failures(5))
    filled(source, 6).run(handler)
    assert handler.seen == [[1, 2, 3, 4, 5, 6], [3, 4, 5, 6], [5, 6]]
    assert source.discarded == []


def records_over_their_age_are_given_up(streams: Streams) -> None:
    clock = FrozenClock()
    source, handler = streams(max_age_s=60, clock=clock), Handler()
    filled(source, 2)
    clock.forward(61)
    source.put(kinesis_record(b"", key="a", sequence=3))
    source.run(handler)
    assert handler.seen == [[3]]
    assert source.failures
    assert source.failures[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert source.failures[0]["KinesisBatchInfo"]["batchSize"] == 2


def a_retried_batch_ages_too(streams: Streams) -> None:
    source, handler = streams(max_age_s=100), Handler(*[ValueError("no")] * 50)
    filled(source, 1).run(handler)
    assert 3 < len(handler.seen) < 20
    assert len(source.discarded) == 1


def a_window_gathers_until_it_is_over_or_the_batch_is_full(streams: Streams) -> None:
    clock = FrozenClock()
    source = filled(streams(batch_size=3, window_s=10, clock=clock), 2)
    assert source.next() is None
    assert source.due() is not None
    clock.forward(10)
    delivery = source.next()
    assert delivery is not None
    assert numbers(delivery.event) == [1, 2]
    full = filled(streams(batch_size=3, window_s=10), 3).next()
    assert full is not None


def shards_go_on_without_each_other_and_each_in_its_order(streams: Streams) -> None:
    source = streams(batch_size=2, weather=Weather(seed=3))
    for shard in "ab":
        filled(source, 8, shard=shard)
    first = source.next()
    other = source.next()
    assert first is not None
    assert other is not None
    assert first.source != other.source, "one is in work, the other goes on"
    assert source.next() is None, "a shard has one batch in work"
    source.failed(first)
    source.answered(other, None)
    seen: list[tuple[str, list[int]]] = []

    def handler(event: Any) -> None:
        seen.append((event["Records"][0]["eventID"][0], numbers(event)))

    source.run(handler)
    got = {shard: [number for at, batch in seen for number in batch if at == shard] for shard in "ab"}
    assert got == {first.source: list(range(1, 9)), other.source: list(range(3, 9))}


def in_parallel_each_key_keeps_its_order(streams: Streams) -> None:
    source = filled(streams(batch_size=2, parallel=4), 24, key=lambda number: f"key-{number % 6}")
    lanes = [delivery for _ in range(10) if (delivery := source.next()) is not None]
    assert 1 < len(lanes) <= 4, "parts of one shard are in work at once"
    by_lane = [{record["kinesis"]["partitionKey"] for record in one.event["Records"]} for one in lanes]
    assert not set.intersection(*by_lane), "a key is in one part"
    for delivery in lanes:
        source.failed(delivery)
    seen: dict[str, list[int]] = {}

    def handler(event: Any) -> None:
        for record in event["Records"]:
            seen.setdefault(record["kinesis"]["partitionKey"], []).append(int(sequence_of(record)))

    source.run(handler)
    assert all(got == sorted(got) for got in seen.values())
    assert sum(map(len, seen.values())) == 24


def a_parent_shard_is_worked_off_before_its_children(streams: Streams) -> None:
    source, handler = streams(batch_size=1, weather=Weather(seed=5)), Handler(*[ValueError("no")] * 2)
    for number in (1, 2):
        source.put(kinesis_record(b"", key="a", sequence=number), shard="parent")
    for number in (3, 4):
        source.put(kinesis_record(b"", key="a", sequence=number), shard="child", after="parent")
    source.run(handler)
    assert handler.seen == [[1], [1], [1], [2], [3], [4]]


def what_the_filter_refuses_is_passed_over(streams: Streams) -> None:
    handler = Handler()
    filled(streams(wanted=lambda record: int(sequence_of(record)) % 2 == 0), 4).run(handler)
    assert handler.seen == [[2, 4]]


def an_event_is_no_more_than_the_payload_limit(streams: Streams) -> None:
    source, sizes = streams(), []
    for number in range(8):
        source.put(kinesis_record(bytes(1_000_000), key="a", sequence=number))
    source.run(lambda event: sizes.append(len(event["Records"])))
    assert sum(sizes) == 8
    assert max(sizes) * 1_333_333 < 6 * 1024 * 1024 + 2_000


def the_answer_of_an_invocation_that_timed_out_is_not_heard(streams: Streams) -> None:
    source = filled(streams(batch_size=2), 2)
    first = source.next()
    assert first is not None
    source.failed(first)  # timed out, and yet it works on
    source.clock.forward(60)
    second = source.next()
    assert second is not None
    assert second.event == first.event, "two invocations have the batch at once"
    source.answered(first, None)
    assert source.pending == 2
    source.answered(second, failures(2))
    assert source.pending == 1


def handlers_cannot_change_what_comes_again(streams: Streams) -> None:
    source = filled(streams(), 1)

    def handler(event: Any) -> None:
        if event["Records"][0].pop("kinesis", None) is None:
            raise AssertionError("changed")
        if source.errors == []:
            raise ValueError("once")

    source.run(handler, most=5)


def bad_weather_only_repeats_and_never_loses_or_reorders(streams: Streams) -> None:
    """Every record is delivered, and its first delivery comes after its elders'."""
    for seed in range(60):
        storm = Weather(seed=seed, again=0.3, late=0.2, zombie=0.1, uneven=0.5)
        source, handler = filled(streams(batch_size=5, weather=storm), 20), Handler()
        source.run(handler)
        firsts = list(dict.fromkeys(number for batch in handler.seen for number in batch))
        assert firsts == list(range(1, 21)), seed
        assert all(batch == list(range(batch[0], batch[-1] + 1)) for batch in handler.seen), seed
        assert source.pending == 0


def bad_weather_does_what_it_says(streams: Streams) -> None:
    def calls(**weather: float) -> list[list[list[int]]]:
        seen = []
        for seed in range(40):
            handler = Handler()
            filled(streams(batch_size=4, weather=Weather(seed=seed, **weather)), 12).run(handler)
            seen.append(handler.seen)
        return seen

    fine = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    assert all(seen == fine for seen in calls())
    assert any(seen != fine for seen in calls(late=0.3))
    assert any(len(seen) > 3 and any(batch not in fine for batch in seen) for seen in calls(again=0.5)), "cut anew"
    assert any(sorted(map(len, seen)) != [4, 4, 4] for seen in calls(uneven=0.5))
    back = [later < earlier for seen in calls(zombie=0.4) for earlier, later in pairwise(seen)]
    assert any(back), "effects of a zombie come after the retry's"


def a_table_s_stream_is_told_of_as_one(streams: Streams) -> None:
    source = streams(retries=0)
    source.put(dynamodb_record({"p": {"S": "ann"}}, sequence="100", new={"b": {"B": b"\x00"}}))
    source.run(Handler(ValueError("no")))
    assert source.failures
    assert source.failures[0]["DDBStreamBatchInfo"]["startSequenceNumber"] == "100"


# a queue's mapping


def bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def what_did_not_fail_is_deleted_and_the_rest_comes_again(queues: Queues) -> None:
    queue, seen = queues(), list[list[str]]()
    ids = {queue.send(body): body for body in "abc"}

    def handler(event: Any) -> Any:
        seen.append(sorted(bodies(event)))
        return failures(*[one for one, body in ids.items() if body == "b"]) if len(seen) == 1 else None

    queue.run(handler)
    assert seen == [["a", "b", "c"], ["b"]]


def a_message_in_work_is_hidden_until_its_visibility_time_out(queues: Queues) -> None:
    clock = FrozenClock()
    queue = queues(visibility_s=30, clock=clock)
    queue.send("a")
    first = queue.next()
    assert first is not None
    queue.failed(first)
    assert queue.next() is None
    clock.forward(30)
    again = queue.next()
    assert again is not None
    assert again.event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


def these_answers_fail_every_message(queues: Queues) -> None:
    for answer in (failures(""), failures(None), failures("nobody"), {"batchItemFailures": [{"id": "1"}]}, "done"):
        queue, seen = queues(), list[list[str]]()
        queue.send("a")
        queue.send("b")

        def handler(event: Any, seen: list[list[str]] = seen, answer: Any = answer) -> Any:
            seen.append(sorted(bodies(event)))
            return answer if len(seen) == 1 else None

        queue.run(handler)
        assert seen == [["a", "b"], ["a", "b"]], answer


def a_message_received_too_often_is_set_aside_alone(queues: Queues) -> None:
    queue, seen = queues(receives=3), list[list[str]]()
    bad, _ = queue.send("bad"), queue.send("good")

    def handler(event: Any) -> Any:
        seen.append(sorted(bodies(event)))
        return failures(*[record["messageId"] for record in event["Records"] if record["messageId"] == bad])

    queue.run(handler)
    assert seen == [["bad", "good"], ["bad"], ["bad"]]
    assert [record["body"] for record in queue.dead] == ["bad"]


def a_standard_queue_has_no_order(queues: Queues) -> None:
    orders = set()
    for seed in range(10):
        queue, seen = queues(weather=Weather(seed=seed)), list[str]()
        for body in "abcdef":
            queue.send(body)
        queue.run(lambda event, seen=seen: seen.extend(bodies(event)))
        orders.add("".join(seen))
    assert len(orders) > 1


def a_group_waits_for_its_hidden_message_and_others_do_not(queues: Queues) -> None:
    queue, seen = queues(order="groups", batch_size=1), list[str]()
    for group, body in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        queue.send(body, group=group)
    first = queue.next()
    assert first is not None
    assert bodies(first.event) == ["a1"]
    other = queue.next()
    assert other is not None
    assert bodies(other.event) == ["b1"]
    queue.failed(first)
    queue.answered(other, None)
    queue.run(lambda event: seen.extend(bodies(event)))
    assert seen == ["a1", "a2", "a3"]


# a rule's target


def an_event_comes_alone_and_again_twice_and_is_then_set_aside(rules: Rules) -> None:
    rule, seen = rules(), list[Any]()
    rule.put(ENTRY)

    def handler(event: Any) -> None:
        seen.append(event)
        raise ValueError("no")

    rule.run(handler)
    assert len(seen) == 3
    assert seen[0] == seen[1], "a retry is the same event, of the same id"
    assert rule.dead == [seen[0]]
    assert seen[0]["detail"] == {"owner": "Ann"}
    assert (seen[0]["detail-type"], seen[0]["source"]) == ("Opened", "bank")


def a_rule_has_no_order_and_reads_no_answer(rules: Rules) -> None:
    orders = set()
    for seed in range(10):
        rule, seen = rules(weather=Weather(seed=seed)), list[int]()
        for number in range(5):
            rule.put({**ENTRY, "Detail": str(number)})

        def handler(event: Any, seen: list[int] = seen) -> Any:
            seen.append(event["detail"])
            return failures("x")

        rule.run(handler)
        assert sorted(seen) == list(range(5))
        orders.add(tuple(seen))
    assert len(orders) > 1


def only_what_its_pattern_wants_comes(rules: Rules) -> None:
    rule, seen = rules(wanted=lambda event: event["detail-type"] == "Closed"), list[Any]()
    rule.put(ENTRY)
    rule.run(seen.append)
    assert seen == []


STREAM: Final = [
    a_shard_is_delivered_in_order_in_batches_of_the_size,
    an_error_brings_the_whole_batch_again_before_anything_new,
    a_partial_answer_brings_everything_from_the_first_failure_again,
    of_several_failures_the_lowest_counts,
    these_answers_are_complete_successes,
    these_answers_are_complete_failures,
    an_answer_is_not_looked_at_where_items_are_not_reported,
    bounded_retries_give_the_rest_of_the_batch_up_and_go_on,
    retries_without_a_bound_never_give_up,
    no_retries_at_all_may_be_asked_for,
    a_bisected_error_costs_no_retry_and_isolates_the_bad_record,
    a_bisected_partial_answer_splits_at_the_failure_and_retries_only_the_rest,
    records_over_their_age_are_given_up,
    a_retried_batch_ages_too,
    a_window_gathers_until_it_is_over_or_the_batch_is_full,
    shards_go_on_without_each_other_and_each_in_its_order,
    in_parallel_each_key_keeps_its_order,
    a_parent_shard_is_worked_off_before_its_children,
    what_the_filter_refuses_is_passed_over,
    an_event_is_no_more_than_the_payload_limit,
    the_answer_of_an_invocation_that_timed_out_is_not_heard,
    handlers_cannot_change_what_comes_again,
    bad_weather_only_repeats_and_never_loses_or_reorders,
    bad_weather_does_what_it_says,
    a_table_s_stream_is_told_of_as_one,
]
QUEUE: Final = [
    what_did_not_fail_is_deleted_and_the_rest_comes_again,
    a_message_in_work_is_hidden_until_its_visibility_time_out,
    these_answers_fail_every_message,
    a_message_received_too_often_is_set_aside_alone,
    a_standard_queue_has_no_order,
    a_group_waits_for_its_hidden_message_and_others_do_not,
]
RULE: Final = [
    an_event_comes_alone_and_again_twice_and_is_then_set_aside,
    a_rule_has_no_order_and_reads_no_answer,
    only_what_its_pattern_wants_comes,
]
