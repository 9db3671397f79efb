"""A folder and a bucket keep every promise of Objects; the promises have teeth; and what is particular to each."""

from __future__ import annotations

import inspect
import os
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leftfold.adapters import s3
from leftfold.adapters.folder import Folder
from leftfold.adapters.s3 import Bucket, open_bucket
from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable
from leftfold.testing import contracts
from leftfold.testing.contracts import MakeObjects
from tests.testbed.aws import Aws
from tests.testbed.faults import INTERNAL, LOST_CLOSED, Faults
from tests.testbed.weather import Fault, reply

UNTIL = datetime(2031, 1, 1, tzinfo=UTC)


def bucket_of(aws: Aws) -> str:
    name = f"{aws.prefix}objects"
    aws.client("s3").create_bucket(Bucket=name)
    return name


class TestFolder(contracts.ObjectsContract):
    @pytest.fixture
    def make_objects(self, tmp_path: Path) -> MakeObjects:
        return lambda: Folder(tmp_path / "not" / "yet")


class TestBucket(contracts.ObjectsContract):
    @pytest.fixture
    def make_objects(self, aws: Aws) -> MakeObjects:
        name, client = bucket_of(aws), aws.client("s3")
        client.put_object(Bucket=name, Key="elsewhere", Body=b"of somebody else")
        return lambda: Bucket(client, name, "/under/this/", page_names=7)


# teeth


class Healthy:
    """The control: a dict."""

    def __init__(self) -> None:
        self.all: dict[str, bytes] = {}
        self.turn = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        self.all[name] = data

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        with self.turn:
            if name in self.all:
                return False
            self.all[name] = data
            return True

    def get(self, name: str) -> bytes:
        if name not in self.all:
            raise IntegrityError(f"{name} is gone")
        return self.all[name]

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return iter(sorted(name for name in self.all if name.startswith(prefix) and name > after))


class Overwrites(Healthy):
    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        there = name in self.all
        self.all[name] = data
        return not there


class SaysItWon(Healthy):
    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        self.all.setdefault(name, data)
        return True


class IsFriendlyToTheSameBytes(Healthy):
    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        return self.all.setdefault(name, data) == data


class LooksThenWrites(Healthy):
    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        there = name in self.all
        os.sched_yield()
        for _ in range(20_000 if not there else 0):  # long enough for another thread's turn
            pass
        self.all[name] = data
        return not there


class GivesNothingForWhatIsGone(Healthy):
    def get(self, name: str) -> bytes:
        return self.all.get(name, b"")


class ListsAsWritten(Healthy):
    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return iter([name for name in self.all if name.startswith(prefix) and name > after])


class ListsWhatItFollowsToo(Healthy):
    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return iter(sorted(name for name in self.all if name.startswith(prefix) and name >= after))


class TakesPrefixesForFolders(Healthy):
    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        folder = prefix and prefix.rstrip("/") + "/"
        return iter(sorted(name for name in self.all if name.startswith(folder) and name > after))


class ListsOnePage(Healthy):
    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return iter(list(super().names(prefix, after=after))[:10])


class KeepsOnlyItsOwn(Healthy):
    """What another opening stored it doesn't see."""

    def __init__(self) -> None:
        self.mine = dict[str, bytes]()
        self.turn = threading.Lock()

    @property
    def all(self) -> dict[str, bytes]:  # type: ignore[override]
        return self.mine


class KeepsText(Healthy):
    def put(self, name: str, data: bytes) -> None:
        self.all[name] = data.replace(b"\x00", b"")


BUGS = (
    *(Overwrites, SaysItWon, IsFriendlyToTheSameBytes, LooksThenWrites, GivesNothingForWhatIsGone, ListsAsWritten),
    *(ListsWhatItFollowsToo, TakesPrefixesForFolders, ListsOnePage, KeepsOnlyItsOwn, KeepsText),
)


def failures(kind: type[Healthy]) -> list[str]:
    """The contract's tests that this kind of object store fails."""
    failed: list[str] = []
    for name, test in inspect.getmembers(contracts.ObjectsContract, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        shared = kind()

        def make(shared: Healthy = shared) -> Healthy:
            return kind() if kind is KeepsOnlyItsOwn else shared

        given: dict[str, Any] = {"self": contracts.ObjectsContract(), "objects": make(), "make_objects": make}
        try:
            test(**{part: given[part] for part in inspect.signature(test).parameters})
        except (Exception, pytest.fail.Exception):  # any: whatever a bug does to the test
            failed.append(name)
    return failed


def test_every_planted_bug_fails_the_contract(record_property: Callable[[str, object], None]) -> None:
    assert failures(Healthy) == []
    caught = [bug for bug in BUGS if failures(bug)]
    assert caught == list(BUGS)
    record_property("figure", f"objects, teeth: {len(caught)} of {len(BUGS)} caught")


# a folder


def test_a_folder_lists_no_file_that_is_still_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    listed: list[list[str]] = []
    whole = os.link

    def looked_at(source: Path, target: Path) -> None:
        listed.append(list(folder.names()))
        whole(source, target)

    monkeypatch.setattr(os, "link", looked_at)
    assert folder.create("log/1", b"1")
    assert listed == [[]]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["1"]


def test_a_folder_that_cannot_be_written_or_read_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = Folder(tmp_path / "file")
    for call in (lambda: folder.put("a", b""), lambda: folder.create("a", b"")):
        with pytest.raises(StoreUnavailable, match="can't be written"):
            call()
    with pytest.raises(StoreUnavailable, match="can't be listed"):
        folder.names()


def test_a_folder_refuses_to_promise_that_a_file_stays(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only s3: keeps them"):
        Folder(tmp_path).create("a", b"", keep_until=UNTIL)
    assert list(Folder(tmp_path).names()) == []


def test_the_files_of_a_folder_can_be_read_by_its_owner(tmp_path: Path) -> None:
    Folder(tmp_path).create("a", b"1")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) & stat.S_IRUSR


# a bucket


def code(status: int, name: str) -> Fault:
    """An error as S3 says it."""
    body = f"<?xml version='1.0'?><Error><Code>{name}</Code><Message>no</Message></Error>".encode()
    return Fault(name, lambda call, request, send: reply(request, status, body, "application/xml"))


UNSENT = Fault("unsent", lambda call, request, send: reply(request, 200, b"", "application/xml"))


def test_a_bucket_asks_again_when_another_write_was_under_way(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAUSE_S", 0.001)
    name, faults = bucket_of(aws), Faults(seed=1)
    objects = Bucket(aws.client("s3", faults), name)
    faults.script("PutObject", code(409, "ConditionalRequestConflict"), code(409, "ConditionalRequestConflict"))
    assert objects.create("a", b"1") is True
    assert objects.get("a") == b"1"
    faults.outage(code(409, "ConditionalRequestConflict"))
    with pytest.raises(StoreUnavailable, match="in a row"):
        objects.create("b", b"1")


def test_a_reply_that_was_lost_leaves_the_object_and_the_next_call_says_that_it_is_there(aws: Aws) -> None:
    name, faults = bucket_of(aws), Faults(seed=1)
    objects = Bucket(aws.client("s3", faults), name)
    faults.script("PutObject", LOST_CLOSED)
    with pytest.raises(StoreUnavailable):
        objects.create("a", b"1")
    assert objects.create("a", b"1") is False
    assert objects.get("a") == b"1"


def test_what_is_locked_is_locked_in_compliance_mode_until_the_day(aws: Aws) -> None:
    faults = Faults(seed=1)
    objects = Bucket(aws.client("s3", faults), bucket_of(aws), "archive")
    mark = aws.calls.mark()
    faults.script("PutObject", UNSENT)  # what is locked can't be cleared away after the test
    objects.create("a", b"1", keep_until=UNTIL)
    objects.create("b", b"1")
    locked, free = (call.parameters for call in aws.calls.since(mark).of("PutObject"))
    assert (locked["ObjectLockMode"], locked["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", UNTIL)
    assert (locked["Key"], locked["IfNoneMatch"]) == ("archive/a", "*")
    assert not [option for option in free if option.startswith("ObjectLock")]


def test_a_bucket_without_object_lock_refuses_to_promise_it(aws: Aws) -> None:
    objects = Bucket(aws.client("s3"), bucket_of(aws))
    with pytest.raises(ConfigError, match="make it with Object Lock"):
        objects.create("a", b"1", keep_until=UNTIL)
    assert list(objects.names()) == []


def test_every_object_is_stored_with_its_sha256_and_checked_against_it(aws: Aws) -> None:
    name, client = bucket_of(aws), aws.client("s3")
    objects = Bucket(client, name)
    mark = aws.calls.mark()
    objects.put("a", b"abc")
    objects.create("b", b"abc")
    sums = {call.parameters["ChecksumSHA256"] for call in aws.calls.since(mark).of("PutObject")}
    assert sums == {"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}  # of "abc", as in FIPS 180-4

    def damaged(params: Any, **_: Any) -> None:
        params["Body"] = b"abd"

    client.meta.events.register("before-parameter-build.s3.PutObject", damaged)
    with pytest.raises((ConfigError, StoreUnavailable)):
        objects.put("c", b"abc")
    assert list(objects.names()) == ["a", "b"]


def test_an_object_that_is_not_what_was_stored_is_an_integrity_error(aws: Aws) -> None:
    faults = Faults(seed=1)
    objects = Bucket(aws.client("s3", faults), bucket_of(aws))
    objects.put("a", b"abc")

    def flipped(call: Any, request: Any, send: Callable[[], Any]) -> Any:
        answer = send()
        answer._content = b"abd"
        answer.raw = type(reply(request, 200, b"abd").raw)(b"abd")
        return answer

    faults.script("GetObject", Fault("flipped", flipped))
    with pytest.raises(IntegrityError, match="damaged"):
        objects.get("a")
    assert objects.get("a") == b"abc"


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (code(404, "NoSuchBucket"), ConfigError, "make it, or mend its name"),
        (code(403, "AccessDenied"), ConfigError, "not allowed"),
        (code(503, "SlowDown"), StoreUnavailable, "can't answer now"),
        (INTERNAL, StoreUnavailable, "can't answer now"),
    ],
)
def test_what_s3_refuses_says_which_object_and_what_to_do(
    aws: Aws, fault: Fault, error: type[Exception], told: str
) -> None:
    name, faults = bucket_of(aws), Faults(seed=1)
    objects = Bucket(aws.client("s3", faults), name, "archive")
    for call in (
        lambda: objects.put("a", b""),
        lambda: objects.create("a", b""),
        lambda: objects.get("a"),
        lambda: list(objects.names("a")),
    ):
        faults.script("PutObject", fault).script("GetObject", fault).script("ListObjectsV2", fault)
        with pytest.raises(error, match=rf"s3:{name}/archive/a.*{told}"):
            call()
        faults.calm()


def test_a_bucket_is_opened_by_its_name(aws: Aws) -> None:
    name = bucket_of(aws)
    open_bucket(name, prefix="one", region=aws.region, endpoint=aws.endpoint).put("a", b"1")
    assert open_bucket(name, region=aws.region, endpoint=aws.endpoint).get("one/a") == b"1"
