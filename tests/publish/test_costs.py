"""What publishing asks of a service: calls and records, for many streams and for one hot stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.publish.consumers import BusWithQueue, StreamReader
from tests.publish.post import Posted, parcels, post
from tests.testbed.aws import Aws

EVENTS = 1_000
STREAMS = 200
HOT = 300  # events of one stream


@pytest.fixture
def urls(aws: Aws) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        bus = stack.enter_context(closing(BusWithQueue(aws)))
        stream = stack.enter_context(closing(StreamReader(aws)))
        where = f"endpoint={aws.endpoint}&region={aws.region}"
        yield {
            "eventbridge": f"eventbridge:{bus.name}?{where}",
            "kinesis": f"kinesis:{stream.name}?{where}",
            "kinesis aggregated": f"kinesis:{stream.name}?{where}&aggregate=true",
        }


def asked(aws: Aws, url: str, keys: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Calls and entries that it takes to publish these streams' events."""
    from leftfold.adapters import boto

    made = boto.client
    mark = aws.calls.mark()
    with monkeypatch.context() as patch:
        patch.setattr(boto, "client", lambda *words, **options: aws.watch(made(*words, **options)))
        with post(url).open("memory:") as session:
            for key in keys:
                session.category(parcels).handle(key, [Posted("an ordinary text")])
            session.catch_up()
    calls = aws.calls.since(mark).of("PutEvents", "PutRecords")
    return len(calls), sum(len(call.parameters.get("Entries") or call.parameters["Records"]) for call in calls)


@pytest.mark.parametrize(
    ("kind", "many", "hot"),
    [
        ("eventbridge", (EVENTS // 10, EVENTS), (HOT, HOT)),
        ("kinesis", (EVENTS // STREAMS, EVENTS), (HOT, HOT)),
        ("kinesis aggregated", (2, STREAMS), (1, 1)),
    ],
)
def test_publishing_costs_what_is_said(
    kind: str,
    many: tuple[int, int],
    hot: tuple[int, int],
    aws: Aws,
    urls: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    assert asked(aws, urls[kind], [f"k{number % STREAMS}" for number in range(EVENTS)], monkeypatch) == many
    assert asked(aws, urls[kind], ["hot"] * HOT, monkeypatch) == hot
    record_property(
        "figure",
        f"publishing, {kind}: {EVENTS:,} events of {STREAMS} streams take {many[0]:,} calls and {many[1]:,} entries; "
        f"{HOT} of one stream {hot[0]:,} and {hot[1]:,}",
    )
