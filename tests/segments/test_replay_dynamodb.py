"""On DynamoDB, from S3: a replay makes the rows of a rebuild, and writes each of them once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.s3 import Bucket
from leftfold.archive import Archive, Archiver
from leftfold.replaying import replay
from tests.segments.test_replay import built
from tests.segments.town import fill, forgetful, town
from tests.testbed.aws import Aws

Figure = Callable[[str, object], None]


@pytest.fixture
def session(aws: Aws) -> Iterator[Session]:
    def backend() -> Any:
        return open_dynamodb(
            "town",
            prefix=aws.prefix,
            create=True,
            client=aws.client("dynamodb"),
            streams=aws.client("dynamodbstreams"),
        )

    with town.open(backend()) as filling:
        fill(filling, events=150, keys=9, seed=3, faults=True)
        filling.backend.log.place()
    with forgetful.open(backend()) as session:
        yield session


@pytest.mark.parametrize("view", ["households", "visits"])
def test_it_equals_a_rebuild_and_costs_less(session: Session, view: str, aws: Aws, record_property: Figure) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket=f"{aws.prefix}archive")
    bucket = Bucket(client, f"{aws.prefix}archive", "town")
    Archiver(session.backend, bucket, segment_events=40).seal(force=True)
    session.builds[view].ensure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leftfold.subscriptions.follow.BATCH_EVENTS", 20)  # as many steps as a long history takes
        mark = aws.calls.mark()
        serial = built(session, session.operations.rebuild(view))
        rebuilt = aws.calls.since(mark)

    def archive() -> Archive:
        """Its connections are of the process that opens it."""
        return Archive(Bucket(aws.place.client("s3"), f"{aws.prefix}archive", "town"))

    mark = aws.calls.mark()
    replayed = replay(session, view, archive, processes=2)
    found = built(session, replayed.build)
    costs = aws.calls.since(mark)
    assert found == serial
    assert serial["letters"]
    assert costs.write_units < rebuilt.write_units
    record_property(
        "figure",
        f"DynamoDB, {view}: a rebuild of {replayed.position} events in steps of 20 took {rebuilt.write_units:g} write units "
        f"and {rebuilt.read_units:g} read units, a replay {costs.write_units:g} and {costs.read_units:g}",
    )
