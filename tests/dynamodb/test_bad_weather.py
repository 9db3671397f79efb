"""Bad input and bad weather on DynamoDB, as a session meets them: typed errors with the next step, nothing by halves."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, IntegrityError, Session, StoreUnavailable, StreamId, TooLarge, View, stream
from leftfold.adapters.dynamodb import backend as backends, open_dynamodb
from leftfold.adapters.dynamodb.calls import PATIENCE_S, UNREACHED_S, Calls
from leftfold.adapters.folder import Folder
from leftfold.core.errors import LeftfoldError
from tests.testbed.aws import Aws
from tests.testbed.faults import (
    ACCESS_DENIED,
    CONNECTION_REFUSED,
    EXPIRED_TOKEN,
    INTERNAL,
    THROTTLED,
    UNRECOGNIZED_CLIENT,
    Fault,
    Faults,
)


class Note(Struct, frozen=True):
    texts: tuple[str, ...]
    places: int = 1


class Noted(Struct, frozen=True):
    text: str


class Notes:
    category = "note"
    initial = 0

    def boundary(self, command: Note) -> list[StreamId]:
        return [stream("note", f"n{place}") for place in range(command.places)]

    def decide(self, command: Note, total: int) -> list[Noted]:
        return [Noted(text) for text in command.texts]

    def evolve(self, total: int, event: Noted) -> int:
        return total + 1


class Book:
    """The same with one stream a key."""

    category = "book"
    initial = 0

    def decide(self, command: Note, total: int) -> list[Noted]:
        return [Noted(text) for text in command.texts]

    def evolve(self, total: int, event: Noted) -> int:
        return total + 1


def counted(row: int, event: Noted) -> int:
    return row + 1


notes, book = Notes(), Book()
counts = View("counts", initial=0, evolve=counted)
app = App("notes", deciders=[notes, book], views=[counts])
ONE = Note(("hello",))


class Notebook:
    """Opens sessions over this test's tables, and looks into the tables behind their backs."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self._opened: list[Session] = []

    def open(self, faults: Faults | None = None, **options: Any) -> Session:
        clients = {name: self.aws.client(service, faults) for name, service in CLIENTS}
        made = open_dynamodb("notes", **{"prefix": self.aws.prefix, "create": True, **clients, **options})
        self._opened.append(app.open(made))
        return self._opened[-1]

    def close(self) -> None:
        for session in self._opened:
            session.close()

    def table(self, kind: str) -> str:
        return f"{self.aws.prefix}notes-{kind}"

    def items(self, kind: str) -> list[dict[str, Any]]:
        found = self.aws.client().scan(TableName=self.table(kind), ConsistentRead=True)["Items"]
        return sorted(found, key=repr)

    def put(self, kind: str, **item: dict[str, Any]) -> None:
        self.aws.client().put_item(TableName=self.table(kind), Item=item)


CLIENTS = (("client", "dynamodb"), ("streams", "dynamodbstreams"))


@pytest.fixture
def notebook(aws: Aws) -> Iterator[Notebook]:
    made = Notebook(aws)
    yield made
    made.close()


def handle(session: Session, command: Note = ONE, key: str = "a") -> object:
    return session.category(book).handle(key, command)


def refused(error: type[LeftfoldError], says: str, work: Callable[[], object]) -> str:
    """The work raises this very class, with this next step, and takes no class that is less exact."""
    with pytest.raises(LeftfoldError) as caught:
        work()
    assert type(caught.value) is error, repr(caught.value)
    assert says in str(caught.value)
    return str(caught.value)


WORK: dict[str, Callable[[Session], object]] = {
    "command": handle,
    "state": lambda session: session.category(book).state("a"),
    "view": lambda session: session.view(counts).get("a"),
    "catch up": lambda session: session.catch_up(),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_missing_tables_are_named_with_how_to_make_them(notebook: Notebook, work: Callable[[Session], object]) -> None:
    session = notebook.open(create=False)
    told = refused(ConfigError, "create=true", lambda: work(session))
    assert notebook.aws.prefix in told


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (ACCESS_DENIED, ConfigError, "leftfold doctor"),
        (UNRECOGNIZED_CLIENT, ConfigError, "Check the credentials"),
        (EXPIRED_TOKEN, StoreUnavailable, "renew them"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_credentials_that_do_not_do_are_told_at_once(
    notebook: Notebook, work: Callable[[Session], object], fault: Fault, error: type[LeftfoldError], says: str
) -> None:
    faults = Faults()
    session = notebook.open(faults)
    faults.outage(fault)
    refused(error, says, lambda: work(session))
    assert faults.injected == {fault.name: 1}, "no retry can mend it"
    faults.calm()
    assert handle(session)


def test_no_credentials_are_said_with_where_to_put_them(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook.open()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with app.open(notebook.aws.url("notes", create="false")) as session:
        refused(ConfigError, "AWS_PROFILE", lambda: handle(session))


def test_a_wrong_region_is_a_missing_table(notebook: Notebook) -> None:
    """The stand-in keeps tables by region, as AWS does."""
    handle(notebook.open())
    with app.open(notebook.aws.url("notes", create="false", region="eu-north-1")) as session:
        refused(ConfigError, "region", lambda: handle(session))


@pytest.mark.parametrize("region", ["nowhere at all", "eu_west"])
def test_a_region_that_no_one_has_is_refused(region: str) -> None:
    refused(ConfigError, "dynamodb: ", lambda: app.open(f"dynamodb:notes?region={urllib.parse.quote(region)}"))


def test_no_region_is_said_with_where_to_put_it(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    refused(ConfigError, "region=", lambda: app.open("dynamodb:notes"))


@pytest.mark.parametrize("kind", ["events", "log", "views"])
def test_a_table_of_another_key_schema_is_somebody_elses(notebook: Notebook, kind: str) -> None:
    notebook.aws.client().create_table(
        TableName=notebook.table(kind),
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    refused(ConfigError, "another name or prefix", notebook.open)


@pytest.mark.parametrize("kind", ["events", "log", "views"])
def test_a_table_of_another_key_schema_is_told_when_it_is_met(notebook: Notebook, kind: str) -> None:
    session = notebook.open()
    client = notebook.aws.client()
    client.update_table(TableName=notebook.table(kind), DeletionProtectionEnabled=False)
    client.delete_table(TableName=notebook.table(kind))
    client.create_table(
        TableName=notebook.table(kind),
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )

    def work() -> None:
        handle(session)
        session.catch_up()

    refused(ConfigError, "another key schema", work)
    assert notebook.items(kind) == []


@pytest.mark.parametrize("view", [None, "KEYS_ONLY"])
def test_without_a_whole_stream_commands_go_on_and_the_log_says_what_it_lacks(
    notebook: Notebook, view: str | None
) -> None:
    notebook.open().close()
    client, table = notebook.aws.client(), notebook.table("events")
    client.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    if view is not None:
        client.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
    session = notebook.open(create=False)
    handle(session)
    refused(ConfigError, "NEW_IMAGE", session.catch_up)
    assert session.category(book).state("a") == 1
    assert notebook.items("log") == []


class Weather:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, pause: float) -> None:
        self.time += pause


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    made = Weather()
    monkeypatch.setattr(backends, "Calls", lambda client, **more: Calls(client, sleep=made.sleep, now=made.now, **more))
    return made


@pytest.mark.parametrize("fault", [THROTTLED, INTERNAL], ids=lambda fault: fault.name)
def test_a_minute_without_answers_is_said_after_the_patience(
    notebook: Notebook, weather: Weather, fault: Fault
) -> None:
    faults = Faults(now=weather.now)
    session = notebook.open(faults)
    before = weather.time
    faults.outage(fault, seconds=60)
    refused(StoreUnavailable, "may be made again", lambda: handle(session))
    assert PATIENCE_S / 2 < weather.time - before <= PATIENCE_S
    assert faults.injected[fault.name] > 5
    assert notebook.items("events") == []
    weather.sleep(60)
    handle(session)
    assert session.category(book).state("a") == 1


def test_a_shorter_trouble_is_sat_out(notebook: Notebook, weather: Weather) -> None:
    faults = Faults(now=weather.now)
    session = notebook.open(faults)
    faults.outage(THROTTLED, seconds=PATIENCE_S / 2)
    handle(session)
    assert len(notebook.items("events")) == 1


def test_an_endpoint_that_never_answered_is_given_up_sooner_than_one_that_did(
    notebook: Notebook, weather: Weather
) -> None:
    notebook.open().close()
    for reached, error, patience in ((False, "Check endpoint", UNREACHED_S), (True, "made again", PATIENCE_S)):
        faults = Faults(now=weather.now)
        session = notebook.open(faults, create=False)
        if reached:
            session.category(book).state("a")
        faults.outage(CONNECTION_REFUSED)
        before = weather.time
        refused(StoreUnavailable, error, partial(handle, session))
        assert patience / 4 < weather.time - before <= patience


def test_an_endpoint_where_nobody_listens_is_said(notebook: Notebook) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused at once, and by nobody else's server
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with app.open(notebook.aws.url("notes", endpoint=nobody, create="false")) as session:
            assert nobody in refused(StoreUnavailable, "Check endpoint", lambda: handle(session))


def test_a_commit_too_large_for_an_item_says_where_larger_ones_go(notebook: Notebook) -> None:
    large = Note(tuple(noise(place) for place in range(3)))
    session = notebook.open()
    refused(TooLarge, "objects=", lambda: handle(session, large))
    assert notebook.items("events") == []


def noise(seed: int, length: int = 200_000) -> str:
    """Text that hardly compresses."""
    return random.Random(seed).randbytes(length // 2).hex()


def test_with_a_folder_for_objects_large_commits_read_back(notebook: Notebook, tmp_path: Path) -> None:
    large = Note(tuple(noise(place) for place in range(3)))
    session = notebook.open(objects=Folder(tmp_path))
    handle(session, large)
    session.catch_up()
    other = notebook.open(objects=Folder(tmp_path))
    assert other.category(book).state("a") == 3
    assert [event.data.text for event in other.log()] == list(large.texts)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("trouble", ["gone", "altered"])
def test_an_object_that_is_gone_or_altered_is_said(notebook: Notebook, tmp_path: Path, trouble: str) -> None:
    handle(notebook.open(objects=Folder(tmp_path)), Note(tuple(noise(place) for place in range(3))))
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.unlink() if trouble == "gone" else path.write_bytes(path.read_bytes()[:-1] + b"!")
    session = notebook.open(objects=Folder(tmp_path))
    refused(IntegrityError, "backup", lambda: session.category(book).state("a"))


def test_a_body_that_stands_elsewhere_needs_to_be_told_where(notebook: Notebook, tmp_path: Path) -> None:
    handle(notebook.open(objects=Folder(tmp_path)), Note(tuple(noise(place) for place in range(3))))
    refused(ConfigError, "objects=", lambda: notebook.open().category(book).state("a"))


def test_a_decision_over_more_streams_than_a_transaction_holds_is_refused(notebook: Notebook) -> None:
    session = notebook.open()
    refused(TooLarge, "100", lambda: session.category(notes).handle(Note(("x",), places=101)))
    assert notebook.items("events") == []
    assert session.category(notes).handle(Note(("x",), places=100))


GARBAGE: dict[str, dict[str, Any]] = {
    "not an attribute of ours": {"hello": {"S": "world"}},
    "a commit without its body": {"n": {"N": "1"}, "t": {"N": "1"}, "q": {"N": "0"}},
    "a body that is text": {"n": {"N": "1"}, "t": {"N": "1"}, "q": {"N": "0"}, "b": {"S": "hello"}},
    "a body of noise": {"n": {"N": "1"}, "t": {"N": "1"}, "q": {"N": "0"}, "b": {"B": b"\xff\x00"}},
    "noise that says it is compressed": {
        "n": {"N": "1"},
        "t": {"N": "1"},
        "q": {"N": "0"},
        "b": {"B": b"\xff\x00"},
        "z": {"N": "1"},
    },
}


@pytest.mark.parametrize("garbage", [one for one in GARBAGE.values() if "n" in one], ids=list(GARBAGE)[1:])
def test_a_foreign_item_in_a_stream_is_said(notebook: Notebook, garbage: dict[str, Any]) -> None:
    session = notebook.open()
    handle(session)
    notebook.put("events", p={"S": "|book/a"}, s={"N": "2"}, **garbage)
    before = notebook.items("events")
    refused(IntegrityError, "did not write", lambda: notebook.open().category(book).state("a"))
    refused(IntegrityError, "did not write", lambda: handle(session))
    assert notebook.items("events") == before


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_a_foreign_item_in_the_log_is_said(notebook: Notebook, garbage: dict[str, Any]) -> None:
    session = notebook.open()
    handle(session)
    notebook.put("log", p={"S": "|log"}, s={"S": "0000000000000001"}, **garbage)
    before = notebook.items("log")
    refused(IntegrityError, "did not write", session.catch_up)
    refused(IntegrityError, "did not write", lambda: list(notebook.open().log()))
    assert notebook.items("log") == before


@pytest.mark.parametrize(
    "garbage",
    [{"x": {"S": "1"}}, {"l": {"B": b"\xff"}}, {"l": {"S": "a"}}, {"m": {"S": "now"}}, {"o": {"S": "a"}}],
    ids=repr,
)
def test_a_foreign_checkpoint_is_said(notebook: Notebook, garbage: dict[str, Any]) -> None:
    session = notebook.open()
    handle(session)
    session.catch_up()
    (build,) = [item["s"]["S"] for item in notebook.items("log") if item["p"]["S"] == "|at"]
    notebook.put("log", p={"S": "|at"}, s={"S": build}, **garbage)
    refused(IntegrityError, "did not write", lambda: session.backend.checkpoints.load(build))


@pytest.mark.parametrize("garbage", [{"b": {"S": "1"}}, {"a": {"S": "x"}, "b": {"B": b"1"}}], ids=repr)
def test_a_foreign_row_is_said(notebook: Notebook, garbage: dict[str, Any]) -> None:
    session = notebook.open()
    handle(session)
    session.catch_up()
    (row,) = notebook.items("views")
    notebook.put("views", p=row["p"], s=row["s"], **garbage)
    refused(IntegrityError, "did not write", lambda: notebook.open().view(counts).get("a"))


def test_a_foreign_dead_letter_is_said(notebook: Notebook) -> None:
    session = notebook.open()
    session.catch_up()
    notebook.put("log", p={"S": "|dead"}, s={"S": "hello"}, k={"S": "x"})
    refused(IntegrityError, "did not write", lambda: session.backend.dead.list())


WITHOUT_BOTO = """
import sys
sys.modules["boto3"] = sys.modules["botocore"] = None
from leftfold import ConfigError
from leftfold.connect import connect
for _ in range(2):
    for url in sys.argv[1:]:
        try:
            connect(url)
        except ConfigError as error:
            print(error)
"""


def test_without_boto3_the_package_to_install_is_named() -> None:
    urls = ["dynamodb:notes", "dynamodb:notes?objects=s3:bucket"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_BOTO, *urls], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    told = done.stdout.splitlines()
    assert len(told) == 4
    assert all("pip install 'leftfold[aws]'" in line for line in told)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("dynamodb:", "dynamodb:bank"),
        ("dynamodb:a b", "letters"),
        ("dynamodb://bank", "letters"),
        ("dynamodb:bank?prefix=/x", "letters"),
        ("dynamodb:bank?create=yes", "create"),
        ("dynamodb:bank?colour=red", "colour"),
        ("dynamodb:bank?objects=here", "s3:BUCKET"),
        ("dynamodb:bank?objects=s3:", "s3:BUCKET"),
        ("dynamodb:bank?region", "name=value"),
        ("dynamodb:bank?endpoint=nonsense", "endpoint"),
        ("dynamodb:bank?tenant=acme", "tenant"),
        ("dynamo:bank", "dynamodb:NAME"),
    ],
)
def test_a_wrong_url_is_refused_with_what_to_write(aws: Aws, url: str, says: str) -> None:
    refused(ConfigError, says, lambda: app.open(url))
