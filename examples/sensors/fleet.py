"""A fleet of synthetic devices, as the service calls a function: batches of Kinesis records, many readings in each.

Run it: `python fleet.py`, or `python fleet.py sqlite:sensors.db 500000`; again with the same file, and nothing is new.
"""

import random
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import device
import msgspec
from device import Register
from msgspec import Struct
from readings import Sample
from sensors import alerts, hourly, sensors

from leftfold.codec.aggregation import UserRecord, aggregate
from leftfold.lambdas import ingest

START = datetime(2025, 5, 1, tzinfo=UTC)
SHARDS = 4
A_RECORD = 100  # readings that a gateway packs into one record of Kinesis
A_BATCH = 50  # records of Kinesis that the service hands over at once
BROKEN = 1000  # one reading in so many is none

encode = msgspec.json.Encoder().encode


class Fleet(Struct, frozen=True):
    """So many devices, which take turns; each belongs to one shard. All is drawn from the seed."""

    devices: int = 1000
    readings: int = 20_000
    seed: int = 7

    def samples(self) -> Iterator[tuple[str, bytes]]:
        """A reading a second or so, as (device, data). Some are broken, as sensors are."""
        chance = random.Random(self.seed)
        warmth = [chance.uniform(3, 7) for _ in range(self.devices)]
        for number in range(self.readings):
            turn = number % self.devices
            name, at = f"d{turn}", START + timedelta(milliseconds=40 * number)
            usual = 9 if turn % 100 == 7 else 5  # somebody leaves those doors open
            warmth[turn] += chance.gauss((usual - warmth[turn]) / 50, 0.1)
            celsius = round(warmth[turn], 2)
            if chance.randrange(BROKEN):
                yield name, encode(Sample(name, at, celsius))
            else:
                yield name, chance.choice((b"", b"{", encode(Sample(name, at, -999.0)), b'{"device":"%b"}' % name.encode()))

    def batches(self) -> Iterator[dict[str, Any]]:
        """The events that the service calls a function with, shard by shard in turn."""
        shards: list[list[UserRecord]] = [[] for _ in range(SHARDS)]
        records: list[list[dict[str, Any]]] = [[] for _ in range(SHARDS)]
        sequence = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
        for number, (name, data) in enumerate(self.samples(), 1):
            shard = int(name[1:]) % SHARDS
            shards[shard].append(UserRecord(name, data))
            for each, waiting in enumerate(shards):
                if len(waiting) == A_RECORD or (number == self.readings and waiting):
                    sequence += 1
                    records[each].append(delivered(each, sequence, START + timedelta(milliseconds=40 * number), waiting))
                    shards[each] = []
                if len(records[each]) == A_BATCH or (number == self.readings and records[each]):
                    yield {"Records": records[each]}
                    records[each] = []


def delivered(shard: int, sequence: int, at: datetime, readings: list[UserRecord]) -> dict[str, Any]:
    """One record as Lambda gets it."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": readings[0].key,
            "sequenceNumber": str(sequence),
            "data": b64encode(aggregate(readings)).decode(),
            "approximateArrivalTimestamp": at.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012}:{sequence}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/readings",
    }


def main(url: str = "sqlite:sensors.db", count: str = "20000") -> None:
    with sensors.open(url) as session:
        for number in range(100):
            session.category(device).handle(f"d{number}", Register(f"shop {number}"), command_id=f"shop-{number}")
    handler = ingest(sensors, store=url, aside="file:set-aside", write=lambda line: None)
    for batch in Fleet(readings=int(count)).batches():
        answer = handler(batch, None)
        if answer["batchItemFailures"]:
            sys.exit(f"the store is away: {answer}")
    with sensors.open(url) as session:
        session.catch_up()
        print(f"{session.backend.log.end():,} events; broken readings are in the folder set-aside")
        for key, alert in session.view(alerts).scan():
            print(f"{key}: {alert.temperature / 100} degrees at {alert.since}")
        for key, hour in [*session.view(hourly).scan()][:3]:
            extremes = f"{hour.lowest / 100} to {hour.highest / 100}"
            print(f"{key}: {hour.count} readings, {extremes}, {hour.mean / 100:.2f} on the average")


if __name__ == "__main__":
    main(*sys.argv[1:])
