"""What devices send, as JSON, a reading each: `{"device": "d17", "at": "2025-05-01T12:00:00Z", "celsius": 4.5}`."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from leftfold import StreamId, stream
from leftfold.ingest import Ingest


class Sample(Struct, frozen=True):
    """A record's data. A sensor that is broken reports -999 or nothing at all: such a record is set aside."""

    device: Annotated[str, Meta(min_length=1, max_length=64)]
    at: datetime
    celsius: Annotated[float, Meta(ge=-90, le=90)]

class Measured(Struct, frozen=True):
    """The event: a temperature in hundredths of a degree, and when it was measured."""

    at: datetime
    temperature: int


def belongs(sample: Sample) -> StreamId:
    return stream("reading", sample.device)

def measured(sample: Sample) -> Measured:
    return Measured(sample.at, round(sample.celsius * 100))

def taken_at(sample: Sample) -> datetime:
    return sample.at


readings = Ingest("readings", decode=Sample, stream=belongs, to=measured, at=taken_at, late=timedelta(days=1))
