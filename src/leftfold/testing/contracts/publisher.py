"""What every publisher promises: what it takes arrives whole, in the order of each stream, with an answer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from leftfold.ports.publisher import Message, Publisher
from leftfold.publish.envelope import CloudEvent, read, write
from leftfold.testing.contracts.base import HOSTILE_KEYS, all_at_once

AT: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
FULL: Final = 500  # messages of the largest call that is tried

Received = Callable[[int], Sequence[bytes]]
"""What has arrived at a consumer, at least so many envelopes, in the order of their arrival. It waits for them."""


class PublisherContract:
    """Subclasses provide the fixtures `publisher` and `received`; both begin empty in every test.

    `keeps_order` False says that the transport promises none on its way to consumers: then they go by the envelope.
    """

    keeps_order = True

    def test_its_name_says_where_to_and_never_changes(self, publisher: Publisher) -> None:
        assert publisher.name
        assert "?" not in publisher.name
        assert publisher.name == publisher.name

    def test_its_limits_let_a_message_through(self, publisher: Publisher) -> None:
        limits = publisher.limits
        assert min(limits.entries, limits.run, limits.calls, limits.entry_bytes) >= 1
        assert limits.entry_bytes <= limits.call_bytes

    def test_what_is_taken_arrives_as_it_was_sent(self, publisher: Publisher, received: Received) -> None:
        sent = [message("account/ann", 1, {"text": "é\U0001f600 \\ \" < & '", "none": None, "list": [1, 2.5, True]})]
        assert publisher.send(sent) == [None]
        (arrived,) = received(1)
        assert values(arrived) == values(sent[0].body)

    def test_the_largest_call_is_answered_for_each(self, publisher: Publisher, received: Received) -> None:
        sent = [message(f"account/{number}", 1) for number in range(min(publisher.limits.entries, FULL))]
        assert publisher.send(sent) == [None] * len(sent)
        assert {read(one).id for one in received(len(sent))} == {one.id for one in sent}

    def test_a_body_of_the_limit_is_taken(self, publisher: Publisher, received: Received) -> None:
        size = min(publisher.limits.entry_bytes, 2 * 1024 * 1024)
        room = size - len(message("account/ann", 1, {"text": ""}).body)
        sent = message("account/ann", 1, {"text": "x" * room})
        assert len(sent.body) == size
        assert publisher.send([sent]) == [None]
        (arrived,) = received(1)
        assert values(arrived) == values(sent.body)

    def test_a_stream_arrives_in_its_order(self, publisher: Publisher, received: Received) -> None:
        for version in range(1, 9):
            sent = [message(stream, version) for stream in ("account/ann", "account/bob", "order/1")]
            assert publisher.send(sent[: publisher.limits.entries]) == [None] * min(3, publisher.limits.entries)
        self.check_order([read(one) for one in received(8 * min(3, publisher.limits.entries))])

    def test_a_run_of_one_stream_arrives_in_its_order(self, publisher: Publisher, received: Received) -> None:
        run = min(publisher.limits.run, 20)
        sent = [message("account/ann", version) for version in range(1, run + 1)] + [message("account/bob", 1)]
        assert publisher.send(sent[: publisher.limits.entries]) == [None] * min(len(sent), publisher.limits.entries)
        arrived = [read(one) for one in received(min(len(sent), publisher.limits.entries))]
        self.check_order(arrived)
        assert {one.id for one in arrived} >= {f"account/ann@{version}" for version in range(1, run + 1)}

    def test_hostile_keys_are_streams_of_their_own(self, publisher: Publisher, received: Received) -> None:
        sent = [message(f"account/{key}", 1) for key in HOSTILE_KEYS]
        for start in range(0, len(sent), publisher.limits.entries):
            call = sent[start : start + publisher.limits.entries]
            assert publisher.send(call) == [None] * len(call)
        assert {read(one).subject for one in received(len(sent))} == {one.stream for one in sent}

    def test_a_message_may_be_sent_again(self, publisher: Publisher, received: Received) -> None:
        again = message("account/ann", 1)
        assert publisher.send([again]) == publisher.send([again]) == [None]
        publisher.send([message("account/ann", 2)])
        assert {read(one).id for one in received(2)} >= {"account/ann@1"}

    def test_several_calls_may_be_under_way(self, publisher: Publisher, received: Received) -> None:
        calls = min(publisher.limits.calls, 4)
        tasks = [lambda at=at: publisher.send([message(f"account/{at}", 1)]) for at in range(calls)]
        assert all_at_once(tasks) == [[None]] * calls
        assert len({read(one).id for one in received(calls)}) == calls

    def check_order(self, arrived: Sequence[CloudEvent]) -> None:
        """Of each stream the versions rise; where the transport keeps no order they are there."""
        streams = {one.subject: [other.version for other in arrived if other.subject == one.subject] for one in arrived}
        for versions in streams.values():
            told = [version for version in versions if version is not None]
            assert (told if self.keeps_order else sorted(told)) == list(range(1, len(told) + 1))


def message(stream: str, version: int, data: object = None) -> Message:
    """A message as publishing makes it."""
    event = CloudEvent(
        id=f"{stream}@{version}",
        source="bank",
        type="Happened",
        subject=stream,
        time=AT,
        datacontenttype="application/json",
        version=version,
        previous=version - 1,
        position=version,
        data=msgspec.json.encode({} if data is None else data),
    )
    return Message(event.id, event.type, event.source, stream, AT, write(event))


def values(envelope: bytes) -> object:
    """An envelope's values: some transports write JSON anew."""
    return msgspec.json.decode(envelope)
