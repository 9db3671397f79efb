"""Stored bytes that today's code can't read: a typed error that names the place; views park that key only, and go on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from leftfold import IntegrityError, LeftfoldError, Session, UnknownType
from leftfold.core.attempt import Failed, attempt
from leftfold.core.events import Unknown
from leftfold.subscriptions import feed
from tests.reliability import hostile
from tests.reliability.hostile import Count, Put, box, counted


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def envelope(data: bytes, **changes: Any) -> bytes:
    """The second event of box/bad, with this payload, or with other parts changed."""
    parts = {
        "format": 1,
        "tenant": "",
        "slots": [["box/bad", 2]],
        "type": "Count",
        "at": "2026-01-01T00:00:00Z",
        "meta": {"command_id": "evil"},
    } | changes
    return json.dumps([*parts.values()]).encode()[:-1] + b", " + data + b"]"


STRANGE: dict[str, tuple[str, bytes]] = {
    "a type of no class": ("Teleported", envelope(b'{"n": 1}', type="Teleported")),
    "a type that names code": ("os.system", envelope(b'{"n": 1}', type="os.system")),
    "a missing field": ("Count", envelope(b"{}")),
    "another type of field": ("Count", envelope(b'{"n": "seven"}')),
    "an int of 5,000 digits": ("Count", envelope(b'{"n": ' + b"9" * 5_000 + b"}")),
    "no UTF-8": ("Text", envelope(b'{"s": "\xff\xfe"}', type="Text")),
}
DAMAGED: dict[str, tuple[str, bytes]] = {
    "10,000 deep": ("Free", envelope(b'{"v": ' + deep(10_000) + b"}", type="Free")),
    "cut off": ("Count", envelope(b'{"n": 1}')[:-9]),
    "no JSON": ("Count", b"\x00\xff\xfe garbage"),
    "nothing": ("Count", b""),
    "a lone surrogate": ("Text", envelope(b'{"s": "\\ud800"}', type="Text")),
    "another tenant's": ("Count", envelope(b'{"n": 1}', tenant="acme")),
    "another type's": ("Count", envelope(b'{"n": 1}', type="Text")),
    "1 MB of brackets": ("Count", deep(500_000)),
    "an envelope of another shape": ("Count", b'{"n": 1}'),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four events; then box/bad@2 is to be written over."""
    path = tmp_path / "log.db"
    with hostile.boxes.open(f"sqlite:{path}") as session:
        for key in ("bad", "bad", "good", "bad"):
            session.category(box).handle(key, Put(Count(1)))
    return path


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[tuple[str, bytes]], Session]]:
    sessions: list[Session] = []

    def overwrite(stored: tuple[str, bytes]) -> Session:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("UPDATE events SET type = ?, body = ? WHERE position = 2", stored)
        sessions.append(hostile.boxes.open(f"sqlite:{path}"))
        return sessions[-1]

    yield overwrite
    for session in sessions:
        session.close()


@pytest.mark.parametrize("case", STRANGE)
def test_an_event_that_no_class_fits_stops_its_own_key_only(
    case: str, opened: Callable[[tuple[str, bytes]], Session]
) -> None:
    session = opened(STRANGE[case])
    boxes, view = session.category(box), session.view(counted)
    with pytest.raises(UnknownType) as unknown:
        boxes.state("bad")
    assert "2" in unknown.value.where
    with pytest.raises(UnknownType):
        boxes.handle("bad", Put(Count(1)))
    assert boxes.handle("good", Put(Count(1))).version == 2
    assert [type(event.data) is Unknown for event in session.log()] == [False, True, False, False, False]
    session.catch_up()
    assert view.get("good") == 2
    blocked = view.get("bad", stale="allow")
    assert blocked.row == 1
    assert "position 2" in str(blocked.blocked_by)
    assert session.backend.log.end() == 5


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_bytes_are_named_and_never_served(case: str, opened: Callable[[tuple[str, bytes]], Session]) -> None:
    session = opened(DAMAGED[case])
    for ask in (
        lambda: session.category(box).state("bad"),
        lambda: session.category(box).handle("bad", Put(Count(1))),
        lambda: list(session.category(box).events("bad")),
        lambda: list(session.log()),
    ):
        with pytest.raises((IntegrityError, UnknownType)) as damaged:
            ask()
        assert "2" in str(damaged.value)
    assert session.category(box).handle("good", Put(Count(1))).version == 2
    stopped = attempt(session.catch_up)  # where not even the envelope can be read, there is no key to park
    assert not isinstance(stopped, Failed) or getattr(stopped.error, "position", 0) == 2
    assert session.view(counted).get("bad", stale="allow").row in (0, 1)
    assert session.backend.log.end() == 5


def test_planted_blindness_is_caught(
    path: Path,
    opened: Callable[[tuple[str, bytes]], Session],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """A feed that drops what it can't read goes on as if nothing were missing: the row would be 2, and nothing blocked."""
    select = feed.select

    def readable(*arguments: Any) -> list[Any]:
        return [event for event in select(*arguments) if not isinstance(event, feed.Unreadable)]

    monkeypatch.setattr("leftfold.projections.project.select", readable)
    caught = 0
    for stored in STRANGE.values():
        session = opened(stored)
        session.catch_up()
        caught += session.view(counted).get("bad", stale="allow").blocked_by is None
        session.operations.rebuild("counted")
    assert caught == len(STRANGE)
    record_property("figure", f"hostile log: {caught} of {len(STRANGE)} dropped events caught")


def test_an_error_of_a_stored_event_is_one_of_ours(opened: Callable[[tuple[str, bytes]], Session]) -> None:
    for stored in (STRANGE | DAMAGED).values():
        with pytest.raises(LeftfoldError):
            opened(stored).category(box).state("bad")
