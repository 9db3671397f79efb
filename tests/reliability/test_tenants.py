"""Two tenants of one app: a walk over every public call with the other one's keys, ids and receipts finds no way across."""

from __future__ import annotations

import inspect
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, json

from leftfold import (
    App,
    ConfigError,
    LeftfoldError,
    Process,
    Recorded,
    Rejected,
    Schedule,
    Send,
    Session,
    SqlView,
    Step,
    StreamId,
    View,
    Workflow,
    send,
    stream,
)
from leftfold.adapters.memory import Memory
from leftfold.adapters.memory.store import MemoryStore
from leftfold.category import BoundaryCategory, Category
from leftfold.core.runs import Timer
from leftfold.core.views import Sql
from leftfold.dcb import Boundary, Condition, Query, QueryItem, Tagged
from leftfold.ingest import Ingest, Record
from leftfold.operations import Operations
from leftfold.processes import Due
from leftfold.projections.reading import TableReader, ViewReader
from leftfold.timers.firing import Timers
from leftfold.timers.runs import Runs

CANARY = "canary-of-acme"


class Say(Struct, frozen=True):
    text: str


class Said(Struct, frozen=True):
    text: str


class Copied(Struct, frozen=True):
    text: str


class Joined(Struct, frozen=True):
    text: str


class Heard(Struct, frozen=True):
    text: str


class Diary:
    category = "diary"
    initial = ""

    def decide(self, command: Say, state: str) -> list[Said]:
        return [Said(command.text)]

    def evolve(self, state: str, event: Said) -> str:
        return state + event.text


class Copy:
    category = "copy"
    initial = ""

    def decide(self, command: Say, state: str) -> list[Copied]:
        return [Copied(command.text)]

    def evolve(self, state: str, event: Copied) -> str:
        return state + event.text


class Club:
    category = "club"
    initial = ""

    def boundary(self, command: Say) -> list[StreamId]:
        return [stream("member", "m"), stream("room", "r")]

    def decide(self, command: Say, state: str) -> list[Joined]:
        return [Joined(command.text)]

    def evolve(self, state: str, event: Joined) -> str:
        return state + event.text


def page(row: str, event: Said) -> str:
    if event.text.startswith("poison"):
        raise ValueError(event.text)
    return row + event.text


def note(sql: Sql, event: Recorded[Said]) -> None:
    sql.execute("INSERT INTO {notes} VALUES (?, ?)", (event.key, event.data.text))


diary, copy, club = Diary(), Copy(), Club()
pages = View("pages", initial="", evolve=page, indexes={"text": lambda row: row})
notes = SqlView("notes", schema="CREATE TABLE {notes} (key TEXT, text TEXT)", apply=note)


def echo(event: Recorded[Said]) -> list[Send]:
    return [send(copy, event.key, Say(event.data.text))]


def overheard(said: Say) -> Heard:
    return Heard(said.text)


ears = Ingest("ears", decode=Say, stream=lambda said: stream("heard", "ann"), to=overheard)


def whose(event: Recorded[Said]) -> str:
    return event.key


def grow(tale: str, event: Said | Due) -> str:
    return tale if isinstance(event, Due) else tale + event.text


def told(tale: str, event: Recorded[Said] | Due) -> list[Schedule]:
    return [] if isinstance(event, Due) else [Schedule(f"of {event.data.text}", after=timedelta(hours=1))]


def run(said: str) -> None:
    """An errand."""


tales = Process("tales", initial="", correlate=whose, evolve=grow, react=told)
errand = Workflow("errand", data=str, steps=[Step("run", do=run)])


def app_with(*views: Any) -> App:
    return App(
        "diaries",
        deciders=[diary, copy, club],
        views=views,
        reactions=[echo],
        processes=[tales],
        workflows=[errand],
        ingest=[ears],
    )


class Known(Struct, frozen=True):
    """All that somebody of the other tenant could have learnt: names, ids, receipts."""

    receipt: Any
    event: str
    subscribers: list[str]
    lane: str
    position: int


def fill(session: Session, text: str) -> Known:
    session.category(diary).handle("ann", Say(text), command_id=f"{text}-1", actor=text)
    session.category(diary).handle("bob", Say(f"poison {text}"), command_id=f"{text}-2")
    session.ingest(ears).take([record(text, 1 if text == CANARY else 2)])
    outcome = session.category(club).handle(Say(text), command_id=f"{text}-3")
    session.workflow(errand).start("e1", text)
    session.catch_up()
    subscribers = [status.subscriber for status in session.operations.status()]
    return Known(outcome.receipt, "diary/ann@1", subscribers, "row:bob", session.backend.log.end())


class Pair(Struct, frozen=True):
    ours: Session
    theirs: Session
    known: Known
    place: Path | None


@pytest.fixture(params=["memory", "sqlite"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Our tenant is globex; acme's is the one that must stay closed."""
    if request.param == "memory":
        memory, app, place = Memory(), app_with(pages), None
        ours, theirs = app.open(memory.open("globex")), app.open(memory.open("acme"))
    else:
        place, app = tmp_path / "app.db", app_with(pages, notes)
        ours, theirs = (app.open(f"sqlite:{place}", tenant=name) for name in ("globex", "acme"))
    with ours, theirs:
        known = fill(theirs, CANARY)
        fill(ours, "ours")
        yield Pair(ours, theirs, known, place)


Walk = dict[str, Callable[[Session, Known], Any]]
ALL = Query()
TAGGED = Query((QueryItem(tags=(StreamId("diary", "ann"),)),))

WALK: dict[type, Walk] = {
    Session: {
        "category": lambda s, k: s.category(diary),
        "view": lambda s, k: s.view(pages),
        "log": lambda s, k: [*s.log(), *s.log(after=k.position)],
        "dcb": lambda s, k: s.dcb(),
        "ingest": lambda s, k: s.ingest(ears).take([record("u", 1), record("v", 3)]),
        "explain": lambda s, k: [s.explain(pages, "ann"), s.explain(pages, "bob")],
        "sources": lambda s, k: works(s),
        "trace": lambda s, k: s.trace(k.event),
        "operations": lambda s, k: s.operations,
        "workflow": lambda s, k: [s.workflow(errand).status("e1"), s.workflow(errand).start("e2", "ours")],
        "performing": lambda s, k: s.performing("errand").perform("e1", "run", "do"),
        "catch_up": lambda s, k: s.catch_up(),
        "start": lambda s, k: s.start(),
        "follower": lambda s, k: [s.follower(work).catch_up() for work in works(s)],
        "close": lambda s, k: None,  # by the fixture
    },
    Category: {
        "handle": lambda s, k: s.category(diary).handle("ann", Say("x"), command_id=f"{CANARY}-1"[:6]),
        "handle_many": lambda s, k: list(s.category(diary).handle_many([("ann", Say("y"), "many")])),
        "transact": lambda s, k: s.category(diary).transact("bob", lambda state: [Said(f"{state}z")]),
        "state": lambda s, k: [s.category(diary).state("ann"), s.category(diary).state("bob", at=k.position)],
        "events": lambda s, k: [*s.category(diary).events("ann"), *s.category(copy).events("ann")],
    },
    BoundaryCategory: {
        "handle": lambda s, k: s.category(club).handle(Say("v")),
        "state": lambda s, k: s.category(club).state(Say("")),
    },
    ViewReader: {
        "get": lambda s, k: [s.view(pages).get(key, stale="allow") for key in ("ann", "bob")],
        "find": lambda s, k: list(s.view(pages).find(text=("", None))),
        "scan": lambda s, k: list(s.view(pages).scan()),
    },
    TableReader: {
        "query": lambda s, k: s.view(notes).query("SELECT * FROM {notes}") if s.backend.tables else None,
    },
    Boundary: {
        "read": lambda s, k: [*s.dcb().read(ALL), *s.dcb().read(TAGGED, after=k.position - 1)],
        "append": lambda s, k: s.dcb().append([Tagged(Said("w"))], Condition(TAGGED, k.position)),
    },
    Operations: {
        "status": lambda s, k: s.operations.status(),
        "rebuild": lambda s, k: s.operations.rebuild("pages"),
        "diff": lambda s, k: list(s.operations.diff("pages")),
        "promote": lambda s, k: s.operations.promote("pages"),
        "rollback": lambda s, k: s.operations.rollback("pages"),
        "digest": lambda s, k: s.operations.digest("pages"),
        "dead_letters": lambda s, k: s.operations.dead_letters(),
        "retry": lambda s, k: s.operations.retry(k.subscribers[0], k.lane),
        "skip": lambda s, k: s.operations.skip(k.subscribers[0], k.lane, reason="ours to skip"),
        "runs": lambda s, k: s.operations.runs,
    },
    Runs: {
        "list": lambda s, k: list(s.operations.runs.list()),
        "get": lambda s, k: [s.operations.runs.get("tales/ann"), s.operations.runs.get("errand/e1")],
        "story": lambda s, k: [*s.operations.runs.story("tales/ann"), *s.operations.runs.story("errand/e1")],
        "pulse": lambda s, k: s.operations.runs.pulse(),
    },
    Timers: {
        "fire": lambda s, k: timers(s).fire(),
        "ring": lambda s, k: timers(s).ring("tales/ann", f"of {CANARY}"[:4], LONG_AGO),
        "set_alarms": lambda s, k: timers(s).set_alarms("tales/ann", [Timer("t", LONG_AGO)]),
        "close": lambda s, k: None,  # by the fixture
    },
}


LONG_AGO: datetime = datetime(2026, 1, 1, tzinfo=UTC)


def timers(session: Session) -> Timers:
    assert session.timers is not None
    return session.timers


def record(text: str, sequence: int) -> Record:
    return Record("ears/0", str(sequence), 0, datetime(2026, 1, 1, tzinfo=UTC), "ann", json.encode(Say(text)))


def works(session: Session) -> list[Any]:
    return [follower.work for source in session.sources().values() for follower in source()]


def crossings(pair: Pair) -> list[str]:
    """Each call, with the other's arguments, that shows or moves something of theirs."""
    before = [*pair.theirs.log()], pair.theirs.operations.dead_letters(), pair.theirs.operations.digest("pages")
    found = []
    for owner, calls in WALK.items():
        for name, call in calls.items():
            try:
                shown = repr(call(pair.ours, pair.known))
            except LeftfoldError as refused:
                shown = str(refused)
            if CANARY in shown:
                found.append(f"{owner.__name__}.{name}")
    after = [*pair.theirs.log()], pair.theirs.operations.dead_letters(), pair.theirs.operations.digest("pages")
    return found if before == after else [*found, "theirs was changed"]


def test_the_walk_leaves_out_no_public_call() -> None:
    for owner, calls in WALK.items():
        public = {
            name
            for name, member in vars(owner).items()
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
        }
        assert set(calls) == public, owner


def test_no_public_call_crosses_from_one_tenant_to_another(
    pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    assert crossings(pair) == []
    calls = sum(len(walk) for walk in WALK.values())
    store = pair.ours.backend.url.partition(":")[0]
    record_property("figure", f"tenants on {store}: {calls} public calls with the other's ids, 0 ways across")


def test_a_receipt_of_another_tenant_is_refused(pair: Pair) -> None:
    with pytest.raises(Rejected, match="not made by this store"):
        pair.ours.view(pages).get("ann", after=pair.known.receipt)


def test_a_command_id_of_another_tenant_is_a_new_one(pair: Pair) -> None:
    outcome = pair.ours.category(diary).handle("ann", Say("again"), command_id=f"{CANARY}-1", once="forever")
    assert not outcome.repeated
    assert outcome.state == "oursagain"


def test_an_event_id_is_looked_up_in_ones_own_log(pair: Pair) -> None:
    pair.theirs.category(diary).handle("only-theirs", Say(CANARY))
    with pytest.raises(Rejected, match="there is no event"):
        pair.ours.trace("diary/only-theirs@1")
    assert pair.ours.trace(pair.known.event).by == "ours"


def test_each_tenant_has_a_file_that_no_other_opens(tmp_path: Path) -> None:
    app = app_with(pages)
    for tenant in ("acme", "globex", None):
        with app.open(f"sqlite:{tmp_path}/app.db", tenant=tenant) as session:
            fill(session, f"{CANARY}-{tenant}")
    files = {path.name: path.read_bytes() for path in tmp_path.glob("*.db")}
    assert set(files) == {"app.db", "app.acme.db", "app.globex.db"}
    for name, data in files.items():
        whose = (name.split(".")[1:-1] or ["None"])[0]
        others = {"acme", "globex", "None"} - {whose}
        assert f"{CANARY}-{whose}".encode() in data
        assert not [other for other in others if f"{CANARY}-{other}".encode() in data]
    shutil.copy(tmp_path / "app.acme.db", tmp_path / "copied.globex.db")
    for url, tenant in (
        ("copied.db", "globex"),
        ("copied.globex.db", None),
        ("app.acme.db", None),
    ):
        for mode in ("rwc", "ro"):
            with pytest.raises(ConfigError, match="belongs to tenant 'acme'"):
                app.open(f"sqlite:{tmp_path}/{url}?mode={mode}", tenant=tenant)


def test_bytes_of_another_tenant_are_not_served_even_when_they_are_put_into_the_file(tmp_path: Path) -> None:
    app = app_with(pages)
    for tenant in ("acme", "globex"):
        with app.open(f"sqlite:{tmp_path}/app.db", tenant=tenant) as session:
            fill(session, CANARY if tenant == "acme" else "ours")
    with closing(sqlite3.connect(tmp_path / "app.globex.db", isolation_level=None)) as file:
        file.execute("ATTACH ? AS theirs", (str(tmp_path / "app.acme.db"),))
        file.execute("UPDATE events SET body = (SELECT body FROM theirs.events WHERE position = 1) WHERE position = 1")
    with app.open(f"sqlite:{tmp_path}/app.db", tenant="globex") as session:
        with pytest.raises(LeftfoldError, match="another tenant"):
            session.category(diary).state("ann")


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '{place}' AS theirs",
        "SELECT load_extension('{place}')",
        "PRAGMA query_only = OFF",
        "PRAGMA wal_checkpoint",
        "PRAGMA writable_schema = ON",
        "DELETE FROM events",
        "DELETE FROM events RETURNING position",
        "INSERT INTO meta VALUES ('tenant', 'acme')",
        "CREATE TEMP TABLE mine AS SELECT 1",
        "VACUUM INTO '{place}.copy'",
        "DROP TABLE events",
        "SELECT 1; SELECT 2",
    ],
)
def test_a_query_on_ones_own_tables_can_do_nothing_but_read_them(sql: str, tmp_path: Path) -> None:
    app = app_with(pages, notes)
    for tenant in ("acme", "globex"):
        with app.open(f"sqlite:{tmp_path}/app.db", tenant=tenant) as session:
            fill(session, CANARY)
    with app.open(f"sqlite:{tmp_path}/app.db", tenant="globex") as session:
        end = session.backend.log.end()
        with pytest.raises(ConfigError):
            session.view(notes).query(sql.replace("{place}", str(tmp_path / "app.acme.db")))
        for _ in range(3):  # nor has it left a connection that can
            with pytest.raises(ConfigError):
                session.view(notes).query("DELETE FROM events RETURNING position")
        assert session.backend.log.end() == end
        assert session.view(notes).query("SELECT count(*) AS n FROM {notes}") == [{"n": 2}]
    assert not (tmp_path / "app.acme.db.copy").exists()


def test_planted_shared_dictionaries_are_caught(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """A memory store that forgets whose it is, and one whose receipts all look alike."""
    caught = 0
    with monkeypatch.context() as patch:
        one = Memory()
        patch.setattr(Memory, "open", lambda self, tenant="": one._tenants.setdefault("all", one._make("all")))
        app, memory = app_with(pages), Memory()
        ours, theirs = app.open(memory.open("globex")), app.open(memory.open("acme"))
        known = fill(theirs, CANARY)
        caught += bool(crossings(Pair(ours, theirs, known, None)))
    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "locate", lambda self, receipt: int(receipt.partition(".")[2]))
        app, memory = app_with(pages), Memory()
        ours, theirs = app.open(memory.open("globex")), app.open(memory.open("acme"))
        known = fill(theirs, CANARY)
        fill(ours, "ours")
        caught += ours.view(pages).get("ann", after=known.receipt) == "ours"
    assert caught == 2
    record_property("figure", f"tenants: {caught} of 2 planted bugs caught")
