"""A page of a Query ends at 1 MB, whatever was asked for: who doesn't ask on reads a part and takes it for all."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App
from leftfold.adapters.dynamodb.calls import Calls
from tests.dynamodb_reliability.opening import Opener

COMMITS = 30
BYTES = 100_000


class Keep(Struct, frozen=True):
    text: str


class Kept(Struct, frozen=True):
    text: str


class Keeping:
    category = "keep"
    initial: tuple[str, ...] = ()

    def decide(self, command: Keep, texts: tuple[str, ...]) -> list[Kept]:
        return [Kept(command.text)]

    def evolve(self, texts: tuple[str, ...], event: Kept) -> tuple[str, ...]:
        return (*texts, event.text)


keeping = Keeping()
app = App("keep", deciders=[keeping])


def noise(seed: int) -> str:
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=BYTES))


@pytest.fixture
def texts(opener: Opener) -> tuple[str, ...]:
    found = tuple(noise(seed) for seed in range(COMMITS))
    category = opener(app).category(keeping)
    for text in found:
        category.handle("long", Keep(text))
    return found


def test_a_stream_of_thirty_commits_of_100_kb_reads_back_whole(
    opener: Opener, texts: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    session = opener(app)
    assert [len(one.body) > BYTES for one in session.backend.store.read("keep/long")] == [True] * COMMITS
    assert session.category(keeping).state("long") == texts
    assert tuple(event.data.text for event in session.category(keeping).events("long", after=7)) == texts[7:]
    last = session.backend.store.last("keep/long")
    assert last is not None
    assert last.version == COMMITS
    record_property("figure", f"DynamoDB: {COMMITS} of {COMMITS} commits of 100 KB read back")


def test_the_log_has_them_whole_too_though_its_pages_only_name_them(opener: Opener, texts: tuple[str, ...]) -> None:
    session = opener(app)
    session.catch_up()
    assert tuple(getattr(event.data, "text", "") for event in session.log()) == texts
    history = session.backend.log.history("keep/long")
    assert [(one.position, one.version) for one in history] == [(n, n) for n in range(1, COMMITS + 1)]


def test_who_does_not_ask_on_reads_a_part(
    opener: Opener, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: the first page is all."""
    monkeypatch.setattr(Calls, "query", lambda calls, **asked: iter(calls.call("query", **asked)["Items"]))
    read: list[Any] = opener(app).backend.store.read("keep/long")
    assert 0 < len(read) < COMMITS


def test_a_process_that_never_places_keeps_no_bodies_that_no_page_would_hold(opener: Opener) -> None:
    session = opener(app)
    written = [noise(1), "small", noise(2)]
    for text in written:
        session.category(keeping).handle("mixed", Keep(text))
    log: Any = session.backend.log
    assert [hint.events.events is None for hint in log.placing._hints] == [True, False, True]
    assert session.backend.log.place({}) == 3
    assert [event.data.text for event in opener(app).log()] == written
