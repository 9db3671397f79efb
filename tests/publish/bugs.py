"""Mistakes that publishing could make, planted one at a time: the tests of reliability must find each."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from msgspec.structs import replace

from leftfold.adapters import boto, eventbridge, kinesis
from leftfold.core.errors import LeftfoldError
from leftfold.core.events import Stored
from leftfold.ports.checkpoints import Move, Progress
from leftfold.ports.publisher import Failure, Limits
from leftfold.publish.previous import Previous
from leftfold.publish.relay import Relay
from leftfold.publish.sending import Outgoing, Sending

Patch = pytest.MonkeyPatch
Anything = Any  # what is patched here is private


def sends_the_whole_call_again(patch: Patch) -> None:
    heed = Sending._heed

    def whole(self: Sending, call: Sequence[Outgoing], answers: Anything) -> None:
        if isinstance(answers, list) and any(answers):
            answers = [answer or Failure("again", "another one failed") for answer in answers]
        heed(self, call, answers)

    patch.setattr(Sending, "_heed", whole)


def overlooks_entries_that_failed(patch: Patch) -> None:
    """As a caller does that looks at the status of the call alone."""
    for adapter in (eventbridge, kinesis):
        patch.setattr(adapter, "_verdict", lambda entry: None)


def takes_only_the_first_failure_to_heart(patch: Patch) -> None:
    heed = Sending._heed

    def first(self: Sending, call: Sequence[Outgoing], answers: Anything) -> None:
        if isinstance(answers, list):
            failed = [place for place, answer in enumerate(answers) if answer]
            answers = [answer if place in failed[:1] else None for place, answer in enumerate(answers)]
        heed(self, call, answers)

    patch.setattr(Sending, "_heed", first)


def moves_the_checkpoint_first(patch: Patch) -> None:
    take = Relay.take

    class Moved:
        def move(self, move: Move) -> None:
            """It was moved already."""

    def first(self: Relay, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        backend = self._backend
        backend.checkpoints.move(Move(self.subscriber, progress.revision, page[-1].position, token))
        self._backend = replace(backend, checkpoints=Moved())
        try:
            return take(self, page, progress, token)
        finally:
            self._backend = backend

    patch.setattr(Relay, "take", first)


def moves_the_checkpoint_to_the_last_one_sent(patch: Patch) -> None:
    """And not to the one before the first that wasn't."""
    run = Sending.run

    def last(self: Sending) -> Anything:
        sent = run(self)
        return replace(sent, left=(max(sent.taken) + 1,)) if sent.left and sent.taken else sent

    patch.setattr(Sending, "run", last)


def has_two_of_a_stream_under_way(patch: Patch) -> None:
    for adapter in (eventbridge.Bus, kinesis.Stream):
        limits: Callable[[Anything], Limits] = vars(adapter)["limits"].fget
        patch.setattr(adapter, "limits", property(lambda self, limits=limits: replace(limits(self), run=5)))
    send = kinesis.Stream.send

    def each_a_record(self: kinesis.Stream, messages: Anything) -> Anything:
        if self._aggregated:
            return send(self, messages)
        records = [{"PartitionKey": kinesis.partition_key(one.stream), "Data": one.body} for one in messages]
        with boto.translated_batch(self.name):
            answer = self._client.put_records(StreamName=self._stream, Records=records)
        return [kinesis._verdict(record) for record in answer["Records"]]

    patch.setattr(kinesis.Stream, "send", each_a_record)


def lets_others_overtake_what_failed(patch: Patch) -> None:
    """To the end of its stream's queue with it."""
    wait = Sending._wait

    def behind(self: Sending, one: Outgoing, reason: str) -> None:
        wait(self, one, reason)
        self._queues[one.message.stream].rotate(-1)

    patch.setattr(Sending, "_wait", behind)


def gives_up_after_some_tries(patch: Patch) -> None:
    tries: dict[str, int] = {}
    wait = Sending._wait

    def dropped(self: Sending, one: Outgoing, reason: str) -> None:
        tries[one.message.id] = tries.get(one.message.id, 0) + 1
        if tries[one.message.id] > 3:
            self._took(one)
        else:
            wait(self, one, reason)

    patch.setattr(Sending, "_wait", dropped)


def drops_what_is_too_large(patch: Patch) -> None:
    patch.setattr(Sending, "_too_large", lambda self, one, reason: self._took(one))


def parks_what_may_pass(patch: Patch) -> None:
    patch.setattr(Sending, "_wait", lambda self, one, reason: self._set_aside(one, reason))


def goes_on_behind_what_is_parked(patch: Patch) -> None:
    def only_this_one(self: Sending, one: Outgoing, reason: str) -> None:
        self._waiting.pop(one.message.stream, None)
        queue: deque[Outgoing] = self._queues[one.message.stream]
        self._park(queue.popleft(), reason)
        if not queue:
            del self._queues[one.message.stream]

    patch.setattr(Sending, "_set_aside", only_this_one)


def makes_up_ids(patch: Patch) -> None:
    message = Relay._message

    def made_up(self: Relay, event: Anything, public: Anything, previous: int) -> Anything:
        made = message(self, event, public, previous)
        other = uuid.uuid4().hex
        return replace(made, id=other, body=made.body.replace(event.id.encode(), other.encode(), 1))

    patch.setattr(Relay, "_message", made_up)


def takes_the_version_before_for_the_previous_one(patch: Patch) -> None:
    patch.setattr(Previous, "of", lambda self, event: event.version - 1)


def remembers_previous_ones_that_came_to_nothing(patch: Patch) -> None:
    """What a page noted stays, although the checkpoint didn't get there: the next time it counts as the past."""

    def kept(self: Previous, reached: int) -> None:
        self._known.update(self._page)
        self._page.clear()
        self._noted.clear()

    patch.setattr(Previous, "settle", kept)


def forgets_what_it_sent_ahead(patch: Patch) -> None:
    take = Relay.take

    def forgotten(self: Relay, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        self._ahead = set()
        return take(self, page, progress, token)

    patch.setattr(Relay, "take", forgotten)


def takes_trouble_for_success(patch: Patch) -> None:
    """A call that raised counts as sent."""

    def fine(self: Sending, error: Exception, count: int) -> list[Failure | None]:
        assert isinstance(error, LeftfoldError)
        return [None] * count

    patch.setattr(Sending, "_failed", fine)


def trusts_its_memory_of_previous_ones(patch: Patch) -> None:
    """Although another worker has moved the subscriber meanwhile."""
    patch.setattr(Previous, "clear", lambda self: None)


def goes_on_from_where_it_was(patch: Patch) -> None:
    """A worker that never sends what stands before a place that it once tried, whatever the checkpoint says."""
    take = Relay.take

    def from_memory(self: Relay, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        self._ahead |= set(range(1, vars(self).get("tried", 0) + 1))
        vars(self)["tried"] = page[-1].position
        return take(self, page, progress, token)

    patch.setattr(Relay, "take", from_memory)


AMONG_WORKERS: Final = (
    trusts_its_memory_of_previous_ones,
    goes_on_from_where_it_was,
    moves_the_checkpoint_first,
    moves_the_checkpoint_to_the_last_one_sent,
    lets_others_overtake_what_failed,
    takes_trouble_for_success,
)

IN_THE_STORM: Final = (
    sends_the_whole_call_again,
    overlooks_entries_that_failed,
    takes_only_the_first_failure_to_heart,
    moves_the_checkpoint_first,
    moves_the_checkpoint_to_the_last_one_sent,
    has_two_of_a_stream_under_way,
    lets_others_overtake_what_failed,
    gives_up_after_some_tries,
    drops_what_is_too_large,
    parks_what_may_pass,
    goes_on_behind_what_is_parked,
    makes_up_ids,
    takes_the_version_before_for_the_previous_one,
    remembers_previous_ones_that_came_to_nothing,
    forgets_what_it_sent_ahead,
    takes_trouble_for_success,
)


WHEN_KILLED: Final = (
    moves_the_checkpoint_first,
    makes_up_ids,
    takes_the_version_before_for_the_previous_one,
)
