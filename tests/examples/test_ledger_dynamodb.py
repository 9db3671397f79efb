"""A part of the real ledger on DynamoDB and on SQLite: the same events in every stream, the same rows in every view."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import ledger
import ledger_account
import ledger_app
import pytest

from leftfold import Session
from leftfold.connect import connect
from leftfold.copying import compare, copy
from tests.testbed.aws import Aws

ROWS: Final = 6_000
STREAM_EVENTS: Final = 1_000  # the stand-in's Query looks at a whole partition: longer streams take it long

Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def part(berka_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole accounts of the real bank, ROWS rows or a few more."""
    header, *lines = gzip.decompress((berka_folder / "trans.asc.gz").read_bytes()).splitlines(keepends=True)
    rows = Counter(account_of(line) for line in lines[:-1])  # the last line breaks off
    chosen: set[bytes] = set()
    taken = 0
    for account in sorted(rows, key=int):
        if taken < ROWS and rows[account] <= STREAM_EVENTS:
            chosen.add(account)
            taken += rows[account]
    folder = tmp_path_factory.mktemp("berka")
    (folder / "trans.asc").write_bytes(header + b"".join(line for line in lines[:-1] if account_of(line) in chosen))
    (folder / "account.asc").write_bytes(gzip.decompress((berka_folder / "account.asc.gz").read_bytes()))
    return folder


def account_of(line: bytes) -> bytes:
    return line.split(b";", 2)[1]


def test_the_ledger_is_the_same_on_dynamodb_and_on_sqlite(
    part: Path, aws: Aws, tmp_path: Path, record_property: Figure
) -> None:
    urls = {"dynamodb": aws.url("ledger"), "sqlite": f"sqlite:{tmp_path / 'ledger.db'}"}
    reports = {name: ledger.run(part, url, limit=None, verified=False) for name, url in urls.items()}
    cloud, file = reports["dynamodb"], reports["sqlite"]
    assert file.loaded.rows >= ROWS
    assert (cloud.loaded.rows, cloud.loaded.appended, cloud.events) == (
        file.loaded.rows,
        file.loaded.appended,
        file.events,
    )
    assert cloud.views == file.views
    with ledger_app.ledger.open(urls["dynamodb"]) as one, ledger_app.ledger.open(urls["sqlite"]) as other:
        assert streams(one) == streams(other)
        for view in ledger_app.VIEWS:
            assert list(one.view(view).scan()) == list(other.view(view).scan())
        for account, events in streams(other).items():
            assert [event.data for event in one.category(ledger_account).events(account)] == events
    again = ledger.run(part, urls["dynamodb"], limit=500, verified=False)
    assert (again.loaded.appended, again.views) == (0, cloud.views)
    record_property(
        "figure",
        f"ledger on DynamoDB: {cloud.loaded.rows:,} rows, {cloud.events:,} events, "
        f"{sum(view.rows for view in cloud.views.values()):,} view rows, equal to SQLite's",
    )
    the_history_goes_there_and_back(urls["dynamodb"], tmp_path, record_property)


def the_history_goes_there_and_back(cloud: str, tmp_path: Path, record_property: Figure) -> None:
    """From DynamoDB to a file, and from there to other tables."""
    file, again = f"sqlite:{tmp_path / 'copy.db'}", cloud.replace("dynamodb:ledger", "dynamodb:again")
    digests: set[str] = set()
    for source, destination in ((cloud, file), (file, again)):
        with closing(connect(source)) as one, closing(connect(destination)) as other:
            copied = copy(one, other)
        with closing(connect(source)) as one, closing(connect(destination)) as other:
            compared = compare(one, other)
        assert compared.equal
        assert copied.copied == compared.source >= ROWS
        digests.add(compared.digest)
    assert len(digests) == 1
    record_property(
        "figure", f"copy: the ledger from DynamoDB to SQLite to DynamoDB, SHA-256 {digests.pop()[:16]}... each"
    )


def streams(session: Session) -> dict[str, list[Any]]:
    """Each stream's events in the log's order, which is the stream's own."""
    found: dict[str, list[Any]] = {}
    for event in logged(session):
        found.setdefault(event.key, []).append(event.data)
        assert event.version == len(found[event.key])
    return found


def logged(session: Session) -> Iterator[Any]:
    for position, event in enumerate(session.log(), 1):
        assert event.position == position
        yield event
