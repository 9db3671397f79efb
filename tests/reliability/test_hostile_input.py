"""Bad input has its answer at every door, the same on every store: a typed error, the field named, nothing half-written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from leftfold import (
    BadKey,
    ConfigError,
    Rejected,
    Session,
    StaleRead,
    StoreUnavailable,
    StreamId,
    TooLarge,
    category,
)
from leftfold.codec.door import Door
from leftfold.dcb import Condition, Query, QueryItem, Tagged
from leftfold.handling import decide
from tests.reliability import hostile
from tests.reliability.hostile import (
    BAD_KEYS,
    EVENTS,
    GOOD_EVENTS,
    GOOD_KEYS,
    REFUSED_NUMBERS,
    Count,
    Number,
    Put,
    box,
    counted,
    short,
)


@pytest.fixture(params=["memory", "sqlite"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}/hostile.db"
    with hostile.boxes.open(url) as session:
        session.category(box).handle("k", Put(Count(1)), command_id="first")
        session.catch_up()
        yield session
        still_works(session)


def still_works(session: Session) -> None:
    """Nothing was half-written: the log is what it was, and takes one more."""
    events = list(session.log())
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    outcome = session.category(box).handle("after", Put(Count(2)))
    session.catch_up()
    assert session.view(counted).get("after", after=outcome.receipt) == outcome.version


def nothing_written(session: Session, ask: Callable[[], Any], error: type[Exception]) -> Any:
    end = session.backend.log.end()
    with pytest.raises(error) as raised:
        ask()
    assert session.backend.log.end() == end
    return raised.value


@pytest.mark.parametrize("case", EVENTS, ids=str)
def test_a_bad_event_is_refused_by_field_and_limit(session: Session, case: str) -> None:
    event, error, field, limit = EVENTS[case]
    refused = nothing_written(session, lambda: session.category(box).handle("k", Put(event)), error)
    assert type(refused) is error
    assert len(str(refused)) < 1_000
    if field:
        assert refused.field.startswith(field)
        assert refused.limit == limit
    assert session.category(box).state("k") == 1


@pytest.mark.parametrize("case", EVENTS, ids=str)
def test_a_bad_event_takes_the_good_ones_of_its_commit_with_it(session: Session, case: str) -> None:
    event, error, _, _ = EVENTS[case]
    nothing_written(session, lambda: session.category(box).transact("k", lambda _: [Count(1), event]), error)


def test_good_but_odd_events_come_back_as_they_were(session: Session) -> None:
    for event in GOOD_EVENTS:
        session.category(box).handle("odd", Put(event))
    assert [recorded.data for recorded in session.category(box).events("odd")] == GOOD_EVENTS


@pytest.mark.parametrize("case", BAD_KEYS, ids=str)
def test_a_bad_key_is_refused_at_each_door(session: Session, case: str) -> None:
    key, limit = BAD_KEYS[case]
    boxes, view = session.category(box), session.view(counted)
    for ask in (
        lambda: boxes.handle(key, Put(Count(1))),
        lambda: boxes.state(key),
        lambda: list(boxes.events(key)),
        lambda: view.get(key),
        lambda: key in view,
        lambda: session.explain(counted, key),
    ):
        assert nothing_written(session, ask, BadKey).limit == limit


@pytest.mark.parametrize("key", GOOD_KEYS, ids=short)
def test_an_odd_key_is_as_good_as_any(session: Session, key: str, tmp_path: Path) -> None:
    boxes = session.category(box)
    files = sorted(path.name for path in tmp_path.iterdir())
    boxes.handle(key, Put(Count(1)), command_id=key[:200])
    session.catch_up()
    assert boxes.state(key) == 1
    assert session.view(counted).get(key) == 1
    assert key in dict(session.view(counted).scan())
    assert session.explain(counted, key).agrees
    (event,) = boxes.events(key)
    assert session.trace(event.id).events[0].id == event.id
    assert sorted(path.name for path in tmp_path.iterdir()) == files


@pytest.mark.parametrize("note", ["command_id", "correlation_id", "causation_id", "actor", "traceparent"])
def test_a_bad_note_is_refused(session: Session, note: str) -> None:
    for text in ("", "\x00", "\ud800", "x" * 5_000, 7):
        notes: Any = {note: text}
        refused = nothing_written(
            session, lambda n=notes: session.category(box).handle("k", Put(Count(1)), **n), BadKey
        )
        assert refused.field == note


@pytest.mark.parametrize("number", REFUSED_NUMBERS, ids=short)
def test_a_position_that_no_store_can_hold_is_refused(session: Session, number: Any) -> None:
    boundary, query = session.dcb(), Query((QueryItem(tags=(StreamId("t", "x"),)),))
    for ask in (
        lambda: list(session.log(after=number)),
        lambda: list(session.category(box).events("k", after=number)),
        lambda: list(boundary.read(query, after=number)),
        lambda: boundary.append([Tagged(Count(1))], Condition(query, number)),
    ):
        assert nothing_written(session, ask, Rejected).field == "after"


@pytest.mark.parametrize("expected", ["abscent", None, 1.5, "1"])
def test_a_misspelt_condition_is_refused_and_not_taken_for_none(session: Session, expected: Any) -> None:
    ask = lambda: session.category(box).handle("k", Put(Count(1)), expected=expected)  # noqa: E731
    assert nothing_written(session, ask, Rejected).field == "expected"


@pytest.mark.parametrize(
    "receipt", ["x", "x.1", ".", "9" * 5_000, "{id}.-1", "{id}.1.5", "{id}.\u0663", "{id}." + "9" * 5_000]
)
def test_a_receipt_of_nobody_is_refused(session: Session, receipt: Any) -> None:
    made = session.category(box).handle("k", Put(Count(1))).receipt
    ours = receipt.replace("{id}", made.partition(".")[0])
    assert nothing_written(session, lambda: session.view(counted).get("k", after=ours), Rejected).field == "receipt"


def test_a_receipt_of_the_future_is_stale_and_no_hang(session: Session) -> None:
    made = session.category(box).handle("k", Put(Count(1))).receipt
    future: Any = f"{made.partition('.')[0]}.999999"
    nothing_written(session, lambda: session.view(counted).get("k", after=future, wait_s=0.01), StaleRead)


@pytest.mark.parametrize(
    "event",
    ids=short,
    argvalues=[
        "",
        "box/k",
        "box/k@0",
        "box/k@-1",
        "@1",
        "box/k@\u0661",
        "box/k@" + "9" * 19,
        "box/k@" + "9" * 5_000,
        "x" * 9_999,
    ],
)
def test_an_event_id_of_nobody_is_refused(session: Session, event: str) -> None:
    refused = nothing_written(session, lambda: session.trace(event), Rejected)
    assert refused.field == "event"
    assert len(str(refused)) < 1_000


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**63, True, None, b"x", (1,), (1, 2, 3), (math.nan, None), "\ud800"], ids=short
)
def test_a_bad_index_value_is_refused(session: Session, value: Any) -> None:
    refused = nothing_written(session, lambda: list(session.view(counted).find(count=value)), Rejected)
    assert "count" in refused.field


def test_too_many_or_too_long_tags_are_refused(session: Session) -> None:
    boundary = session.dcb()
    many = tuple(StreamId("t", str(i)) for i in range(21))
    refused = nothing_written(session, lambda: boundary.append([Tagged(Count(1), many)]), TooLarge)
    assert (refused.field, refused.limit) == ("tags", 20)
    refused = nothing_written(session, lambda: boundary.append([Tagged(Count(1), (StreamId("t", "x" * 127),))]), BadKey)
    assert (refused.field, refused.limit) == ("tag", 128)
    for tag in (StreamId("t/", "x"), StreamId("", "x"), StreamId("t", "\ud800"), StreamId("t", "")):
        nothing_written(session, lambda t=tag: boundary.append([Tagged(Count(1), (t,))]), BadKey)
        nothing_written(session, lambda t=tag: list(boundary.read(Query((QueryItem(tags=(t,)),)))), BadKey)


def test_names_of_views_and_lanes_that_are_not_there_are_said(session: Session) -> None:
    operations = session.operations
    for name in ("", "nope", "counted@9.9-00000000", "../counted"):
        for ask in (
            lambda n=name: operations.rebuild(n),
            lambda n=name: operations.promote(n),
            lambda n=name: operations.digest(n),
            lambda n=name: operations.retry(n, "row:k"),
            lambda n=name: operations.skip(n, "row:k", reason="because"),
        ):
            nothing_written(session, ask, ConfigError)


@pytest.mark.parametrize(
    "tenant", ["", "..", "a/b", "A", "x" * 64, "a\x00", "a\n", "-a", "é", "\U0001f600", "a.b"], ids=short
)
def test_a_hostile_tenant_is_refused_and_makes_no_file(tenant: str, tmp_path: Path) -> None:
    for url in (f"sqlite:{tmp_path}/t.db", "memory:"):
        with pytest.raises(BadKey) as refused:
            hostile.boxes.open(url, tenant=tenant)
        assert (refused.value.field, refused.value.limit) == ("tenant", 63)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", ConfigError),
        ("sqlite", ConfigError),
        ("sqlite:", ConfigError),
        ("sqlite:?mode=rw", ConfigError),
        ("oracle:x", ConfigError),
        ("memory:x", ConfigError),
        ("sqlite:{}/a.db?mode=w", ConfigError),
        ("sqlite:{}/a.db?mode", ConfigError),
        ("sqlite:{}/a.db?colour=red", ConfigError),
        ("sqlite:{}/a\x00.db", ConfigError),
        ("sqlite:{}/\ud800.db", ConfigError),
        ("sqlite:{}", StoreUnavailable),
        ("sqlite:{}?mode=ro", StoreUnavailable),
        ("sqlite:{}/no/such/folder.db", StoreUnavailable),
        ("sqlite:{}/missing.db?mode=rw", StoreUnavailable),
        ("sqlite:{}/missing.db?mode=ro", StoreUnavailable),
        ("sqlite:{}/" + "x" * 300, StoreUnavailable),
    ],
    ids=short,
)
def test_a_hostile_url_is_refused_and_makes_no_file(url: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        hostile.boxes.open(url.replace("{}", str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_a_path_of_odd_characters_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "we#rd %41&'é\U0001f600.db"
    with hostile.boxes.open(f"sqlite:{path}") as session:
        session.category(box).handle("k", Put(Count(1)))
    assert path.is_file()
    with hostile.boxes.open(f"sqlite:{path}?mode=ro") as session:
        assert session.category(box).state("k") == 1


def is_refused(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except Rejected:
        return True
    except Exception:  # any: without its door, anything may come of it but the right answer
        return False
    return False


def test_planted_open_doors_are_caught(
    session: Session, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    boxes = session.category(box)
    doors: list[tuple[Any, str, Any, Callable[[], Any]]] = [
        (
            Door,
            "encode",
            lambda self, value: msgspec.json.encode(value),
            lambda: boxes.handle("n", Put(Number(math.nan))),
        ),
        (category, "check_key", lambda *_: None, lambda: boxes.state("\x00")),
        (category, "check_count", lambda *_: None, lambda: list(boxes.events("k", after=10**30))),
        (decide, "_expect", lambda *_: None, lambda: boxes.handle("k", Put(Count(1)), expected=cast(Any, "abscent"))),
    ]
    caught = 0
    for place, name, opened, ask in doors:
        assert is_refused(ask)
        with monkeypatch.context() as patch:
            patch.setattr(place, name, opened)
            caught += not is_refused(ask)
    assert caught == len(doors)
    record_property(
        "figure",
        f"hostile input on {session.backend.url.partition(':')[0]}: {caught} of {len(doors)} open doors caught",
    )
