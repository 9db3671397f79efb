"""Records read as a class or by a function; streams by name or by id; one event, several, or none."""

from datetime import datetime, timedelta

from account import Deposited, Opened
from msgspec import Struct

from leftfold import App, StreamId, stream
from leftfold.ingest import Ingest, Record


class Sample(Struct, frozen=True):
    owner: str
    at: datetime
    amount: int | None = None


def by_owner(sample: Sample) -> StreamId:
    return stream("account", sample.owner)


def events(sample: Sample) -> list[Opened | Deposited] | None:
    return None if sample.amount is None else [Opened(sample.owner), Deposited(sample.amount)]


def from_key(record: Record) -> tuple[str, int]:
    return record.key, int(record.data)


def taken_at(sample: Sample) -> datetime:
    return sample.at


def one(read: tuple[str, int]) -> Deposited:
    return Deposited(read[1])


def by_key(read: tuple[str, int]) -> str:
    return f"account/{read[0]}"


app = App(
    "things",
    ingest=[
        Ingest("samples", decode=Sample, stream=by_owner, to=events, at=taken_at, late=timedelta(hours=1)),
        Ingest("pairs", decode=from_key, stream=by_key, to=one),
        Ingest("lambdas", decode=Sample, stream=lambda sample: f"account/{sample.owner}", to=events),
    ],
)
with app.open("memory:") as session:
    (samples, *_) = app.ingest
    events_taken: int = session.ingest(samples).take([]).events
