"""What was set aside: one object for one record, however often it comes, and nothing of it lost."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from leftfold.adapters.folder import Folder
from leftfold.aside import Aside
from leftfold.core.errors import IntegrityError, TooLarge
from tests.lambdas.conftest import Shelf
from tests.lambdas.malformed import WRONG, deep

AT = datetime(2026, 1, 12, 23, 59, 59, tzinfo=UTC)


def put(shelf: Shelf, record: object, *, record_id: str = "r1", at: datetime | None = AT) -> str:
    return Aside(shelf, "ingest").put(record, "no base64", source="kinesis", record_id=record_id, at=at)


def test_an_object_says_what_where_from_and_why() -> None:
    shelf = Shelf()
    assert put(shelf, {"a": 1}) == "ingest/2026-01-12/r1.json"
    assert shelf.bodies() == [
        {
            "id": "r1",
            "handler": "ingest",
            "source": "kinesis",
            "reason": "no base64",
            "text": '{"a":1}',
            "at": "2026-01-12T23:59:59Z",
        }
    ]


def test_a_record_that_comes_again_is_one_object() -> None:
    """Even past midnight: the day is the record's, not today's."""
    shelf = Shelf()
    names = {put(shelf, b"x"), put(shelf, b"x"), put(shelf, b"x", at=AT.astimezone(timezone(timedelta(hours=5))))}
    assert len(names) == len(shelf.kept) == 1


def test_a_record_without_an_id_is_known_by_its_content() -> None:
    shelf = Shelf()
    assert put(shelf, b"x", record_id="", at=None) == put(shelf, b"x", record_id="", at=None)
    assert put(shelf, b"y", record_id="", at=None).startswith("ingest/undated/")
    assert len(shelf.kept) == 2


@pytest.mark.parametrize("record", [b"\xff\xfe", b"\x00\x80", bytes(range(256))])
def test_bytes_that_are_no_text_are_kept_in_base64(record: bytes) -> None:
    shelf = Shelf()
    put(shelf, record)
    [kept] = shelf.bodies()
    assert "text" not in kept
    assert b64decode(kept["base64"]) == record


@pytest.mark.parametrize("record_id", ["../../etc/passwd", ".", "..", "a/b", "a\x00b", "x" * 129, "ü", "\ud800", "a b"])
def test_a_hostile_id_names_no_other_place(record_id: str, tmp_path: Path) -> None:
    folder = tmp_path / "aside"
    name = Aside(Folder(folder), "ingest").put(b"x", "why", source="kinesis", record_id=record_id, at=AT)
    assert name.startswith("ingest/2026-01-12/")
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.parent == folder / "ingest" / "2026-01-12"
    assert json.loads(file.read_bytes())["reason"] == "why"


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_json_can_say_is_kept_as_it_was(wrong: str) -> None:
    shelf = Shelf()
    record: Any = {"Records": [WRONG[wrong]]}
    put(shelf, record)
    [kept] = shelf.bodies()
    assert json.loads(kept["text"]) == record


def test_what_was_set_aside_can_be_read_back(tmp_path: Path) -> None:
    aside = Aside(Folder(tmp_path), "ingest")
    for number, record in enumerate([b"one", b"\xff\x00", {"three": 3}]):
        aside.put(record, "why", source="kinesis", record_id=f"r{number}", at=AT + timedelta(days=number))
    Aside(Folder(tmp_path), "ingest2").put(b"another's", "why", source="kinesis", at=AT)
    names = list(aside.names())
    assert names == [f"ingest/2026-01-{12 + number}/r{number}.json" for number in range(3)]
    assert list(aside.names(AT.date() + timedelta(days=1))) == names[1:2]
    assert [aside.show(name).record for name in names] == [b"one", b"\xff\x00", b'{"three":3}']
    assert (aside.show(names[0]).reason, aside.show(names[0]).at) == ("why", AT)
    with pytest.raises(IntegrityError):
        aside.show("ingest/2026-01-12/gone.json")
    (tmp_path / names[0]).write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="not what was set aside"):
        aside.show(names[0])


def test_the_first_reason_stays(tmp_path: Path) -> None:
    aside = Aside(Folder(tmp_path), "ingest")
    name = aside.put(b"x", "the first", source="kinesis", record_id="r1", at=AT)
    assert aside.put(b"x", "another version's words", source="kinesis", record_id="r1", at=AT) == name
    assert aside.show(name).reason == "the first"


def test_what_is_too_deep_to_be_written_is_refused() -> None:
    with pytest.raises(TooLarge, match="too deep"):
        put(Shelf(), deep(100_000))
