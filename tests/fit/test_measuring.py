"""What a store's history says of its own workload: counted where it can be, on every store, and nothing is written."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, Process, Send, Session, View, send
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.folder import Folder
from leftfold.adapters.inprocess import InProcess
from leftfold.adapters.memory import Memory
from leftfold.archive import Archiver
from leftfold.archive.log import spanning
from leftfold.codec.envelope import Codec
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Recorded, Stored
from leftfold.core.views import Sql, SqlView
from leftfold.fit.advice import Measured
from leftfold.fit.answers import KEYS
from leftfold.fit.costs.assumptions import assumed
from leftfold.measuring import measure
from leftfold.publish import Publish
from tests.fit.shelves import SIZES, VIEWS, Lent, Noted, Put, fill, lending, opened, shelf, shelves
from tests.testbed.aws import Aws


@pytest.fixture
def session() -> Iterator[Session]:
    with opened() as session:
        fill(session)
        yield session


def check_the_shelves(found: Measured) -> None:
    """By hand: what `fill` wrote, and nothing of what is stored around it."""
    assert found.answers["event_bytes"] == sum(SIZES) / 5 == 30
    assert found.answers["max_event_kb"] == 0.05
    assert found.answers["events_per_command"] == 5 / 4
    assert found.answers["streams"] == 2
    assert found.answers["read_models"] == 2
    assert found.facts["commits"] == 4
    assert found.facts["events"] == found.facts["events_read"] == 5
    assert found.facts["streams_per_commit"] == 1
    assert found.facts["event_bytes_p99"] == 50
    assert (found.facts["stream_events_mean"], found.facts["stream_events_most"]) == (2.5, 3)
    assert (found.facts["stream_events_p99"], found.facts["cold_load_units_p99"]) == (3, 1)
    assert found.facts["streams_of_several_actors"] == 1
    assert found.facts["row_writes_per_event.notes"] == 1
    assert found.facts["row_writes_per_event.letters"] == 6 / 5
    assert found.assume["touched_rows"] == (5 + 6) / 5 / 2


def test_what_was_written_is_what_is_measured_on_every_store(every_store: str) -> None:
    with shelves.open(every_store) as session:
        fill(session)
        session.catch_up()
        check_the_shelves(measure(session))


def framed(peek: Callable[[Codec, Stored], Recorded[Any]]) -> Callable[[Codec, Stored], Recorded[Any]]:
    """Counts the envelope too."""
    return lambda codec, stored: replace(peek(codec, stored), data=stored.body)


def uncommitted(peek: Callable[[Codec, Stored], Recorded[Any]]) -> Callable[[Codec, Stored], Recorded[Any]]:
    """Takes every event for a commit."""

    def seen(codec: Codec, stored: Stored) -> Recorded[Any]:
        event = peek(codec, stored)
        return replace(event, meta=replace(event.meta, index=0))

    return seen


@pytest.mark.parametrize("plant", [framed, uncommitted])
def test_a_measure_of_other_things_is_caught(
    session: Session, monkeypatch: pytest.MonkeyPatch, plant: Callable[[Any], Any]
) -> None:
    check_the_shelves(measure(session))
    monkeypatch.setattr(Codec, "peek", plant(Codec.peek))
    with pytest.raises(AssertionError):
        check_the_shelves(measure(session))


def test_every_answer_is_a_question_and_says_where_it_is_from(session: Session) -> None:
    found = measure(session)
    assert found.answers.keys() == found.how.keys() <= set(KEYS)
    assert found.how["event_bytes"] == "counted"
    assert found.assume.items() <= assumed(found.assume).items(), "each is an assumption that a file could make"
    assert found.source == "shelves on memory:"
    assert "5 events, all of them read: what is counted is exact." in found.notes


def test_the_bytes_around_an_event_are_an_assumption_of_its_own(session: Session) -> None:
    found = measure(session)
    bodies = [len(stored.body) for stored in session.backend.log.page()]
    assert found.assume["envelope_bytes"] == (sum(bodies) - sum(SIZES)) / 5
    assert found.facts["stored_event_bytes"] == sum(bodies) / 5
    assert found.facts["stored_bytes"] == sum(bodies)


def test_rows_are_as_they_are_stored_where_a_view_serves_some(session: Session) -> None:
    folded = measure(session)
    assert folded.facts["row_bytes.notes"] == 1, "3 and 2, as JSON"
    assert folded.assume["row_bytes"] == pytest.approx((5 * 1 + 6 * folded.facts["row_bytes.letters"]) / 11)
    session.catch_up()
    fewer = App("shelves", deciders=shelves.deciders, views=[View("notes", initial=0, evolve=_long)])
    with fewer.open(session.backend) as other:
        assert measure(other).facts["row_bytes.notes"] == 1, "not what this code would fold today"


def _long(row: int, event: Noted) -> int:
    return row + 10**9


def _failing(row: int, event: Noted) -> int:
    raise ValueError("never")


def test_a_view_that_fails_says_nothing_of_the_size_of_rows(session: Session) -> None:
    with App("shelves", deciders=shelves.deciders, views=[View("notes", initial=0, evolve=_failing)]).open(
        session.backend
    ) as other:
        assert "row_bytes" not in measure(other).assume


def test_entries_of_indexes_are_writes_beside_their_rows(session: Session) -> None:
    indexed = View("notes", initial=0, evolve=_long, indexes={"count": lambda row: row, "twice": lambda row: 2 * row})
    with App("shelves", deciders=shelves.deciders, views=[indexed]).open(session.backend) as other:
        found = measure(other)
    assert found.facts["index_writes_per_row.notes"] == 2
    assert found.assume["touched_rows"] == 1 + 2


def test_a_commit_over_two_streams_is_one_command_and_two_writes(session: Session) -> None:
    session.category(lending).handle(Lent("left", "zoe"))
    found = measure(session)
    assert found.facts["commits"] == 5
    assert found.answers["events_per_command"] == 6 / 5
    assert found.facts["streams_per_commit"] == 6 / 5
    assert "a commit writes 1.2 streams on average; the bills count one: commits over several cost more." in found.notes
    assert found.answers["streams"] == 3


def test_an_empty_store_says_only_what_the_code_says() -> None:
    with opened() as session:
        found = measure(session)
    assert found.answers == {"read_models": 2}
    assert (found.facts, found.assume) == ({}, {})
    assert found.notes == ("the store is empty: handle some commands first, or leave --from out.",)


def test_on_dynamodb_it_only_reads_and_an_unplaced_log_is_not_taken_for_an_empty_store(aws: Aws) -> None:
    backend = open_dynamodb("shelves", client=aws.client("dynamodb"), prefix=aws.prefix, create=True)
    with shelves.open(backend) as session:
        fill(session)
        unplaced = measure(session)
        session.catch_up()
        mark = aws.calls.mark()
        check_the_shelves(measure(session))
        assert set(aws.calls.since(mark).count) <= {"Query", "GetItem", "BatchGetItem"}
    assert unplaced.answers == {"read_models": 2}
    (note,) = unplaced.notes
    assert note == "the log is empty: if there are commits, run the sequencer (`leftfold doctor APP` says so)."


def test_one_stream_is_one() -> None:
    with opened() as session:
        session.category(shelf).handle("only", Put(("a",) * 700))
        found = measure(session)
    assert (found.answers["streams"], found.facts["stream_events_p99"], found.facts["commits"]) == (1, 700, 1)
    assert found.answers["events_per_command"] == 700


def test_events_of_types_that_the_code_does_not_know_count_by_their_bytes(session: Session) -> None:
    strangers = App("shelves", deciders=[_Other()], views=[])
    with strangers.open(session.backend) as other:
        found = measure(other)
    assert (found.answers["event_bytes"], found.answers["events_per_command"]) == (30, 5 / 4)
    assert found.answers["read_models"] == 0


class _Other:
    category = "other"
    initial = 0

    def decide(self, command: Lent, state: int) -> list[Lent]:
        return [command]

    def evolve(self, state: int, event: Lent) -> int:
        return state


class _Torn:
    """A log of which one event is damaged."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.end = log.end

    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        page: list[Stored] = self._log.page(after=after, limit=limit)
        return [replace(one, body=one.body[:-9]) if one.position == 5 else one for one in page]


class _Gaping(_Torn):
    """A log that ends before its end."""

    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        return super().page(after=after, limit=limit)[: max(0, 3 - after)]


def test_damaged_events_are_left_out_and_told_of(session: Session) -> None:
    with shelves.open(replace(session.backend, log=_Torn(session.backend.log))) as torn:
        found = measure(torn)
    assert found.answers["event_bytes"] == sum(SIZES[:4]) / 4
    assert found.answers["events_per_command"] == 4 / 3
    assert any(note.startswith("1 event can't be read") for note in found.notes)
    assert any(note.startswith("what events do to the rows of notes was not measured") for note in found.notes)


def test_a_log_with_a_gap_is_refused(session: Session) -> None:
    with shelves.open(replace(session.backend, log=_Gaping(session.backend.log))) as gaping:
        with pytest.raises(IntegrityError, match="a gap after position 3: `leftfold check APP`"):
            measure(gaping)


def test_an_archive_says_the_same(session: Session, tmp_path: Path) -> None:
    Archiver(session.backend, Folder(tmp_path)).seal(force=True)
    torn = replace(
        session.backend, log=_Torn(session.backend.log)
    )  # who reads the store's own log meets a damaged event
    with shelves.open(spanning(torn, Folder(tmp_path))) as sealed:
        with pytest.raises(IntegrityError, match="the archive's position 5"):
            measure(sealed)
    with shelves.open(spanning(session.backend, Folder(tmp_path))) as sealed:
        check_the_shelves(measure(sealed))


def test_tenants_are_measured_apart(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'shelves.db'}"
    for tenant, times in (("red", 1), ("blue", 3)):
        with shelves.open(url, tenant=tenant) as session:
            for _ in range(times):
                session.category(shelf).handle("top", Put(("a", "b")))
    found: dict[str, Measured] = {}
    for tenant in ("red", "blue"):
        with shelves.open(f"{url}?mode=ro", tenant=tenant) as session:
            found[tenant] = measure(session)
    assert [found[one].facts["events"] for one in ("red", "blue")] == [2, 6]


def test_nothing_is_written_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "shelves.db"
    with shelves.open(f"sqlite:{path}") as session:
        fill(session)
    before = sha256(path.read_bytes()).hexdigest()
    with shelves.open(f"sqlite:{path}?mode=ro") as reading:
        found = measure(reading)
        assert reading.backend.checkpoints.names() == []
    assert sha256(path.read_bytes()).hexdigest() == before
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".db"] == ["shelves.db"]
    assert found.facts["disk_bytes"] == path.stat().st_size
    with shelves.open(f"sqlite:{path}") as writing, shelves.open(f"sqlite:{path}?mode=ro") as reading:
        heard: list[tuple[int, int]] = []

        def advance(done: int, total: int) -> None:
            heard.append((done, total))
            fill_more(writing)

        assert measure(reading, advance=advance).facts["events"] == 5, "as it was at the start"
        assert heard == [(5, 5)]
        assert measure(reading).facts["events"] == 6


def fill_more(session: Session) -> None:
    session.category(shelf).handle("left", Put(("more",)))


def _insert(sql: Sql, event: Noted) -> None:
    sql.execute("INSERT INTO {texts} (text) VALUES (?)", (event.text,))


def test_tables_of_sql_count_as_a_view_and_are_not_looked_into(tmp_path: Path) -> None:
    table = SqlView("texts", schema="CREATE TABLE {texts} (text TEXT)", apply=_insert)
    app = App("shelves", deciders=shelves.deciders, views=[*VIEWS, table])
    with app.open(f"sqlite:{tmp_path / 'shelves.db'}") as session:
        fill(session)
        session.catch_up()
        found = measure(session)
    assert found.answers["read_models"] == 3
    assert found.assume["touched_rows"] == (5 + 6) / 5 / 2, "of the two that are known"
    assert "what events do to the tables of texts was not measured: it is SQL." in found.notes


def _told(event: Recorded[Noted]) -> Noted:
    return event.data


def test_what_is_published_is_a_share_and_who_hears_it_is_not_known(session: Session) -> None:
    session.category(lending).handle(Lent("left", "zoe"))
    rules = [Publish(Noted, to=InProcess("office"), as_=_told), Publish(Noted, to=InProcess("press"), as_=_told)]
    app = App("shelves", deciders=shelves.deciders, publish=rules)
    with app.open(session.backend) as publishing:
        found = measure(publishing)
    assert found.assume["published_share"] == 5 / 6, "two hear of the same events"
    assert "downstream_consumers" not in found.answers
    assert "published_share" not in measure(session).assume


def _of(event: Recorded[Noted]) -> str:
    return event.key


def _seen(notes: int, event: Noted) -> int:
    return notes + 1


def _lend(notes: int, event: Noted) -> list[Send]:
    return [send(lending, Lent("left", "zoe"))] if notes == 3 else []


def test_steps_of_processes_are_commits_of_the_log_and_told_of(session: Session) -> None:
    lender = Process("lender", initial=0, correlate=_of, evolve=_seen, react=_lend)
    app = App("shelves", deciders=shelves.deciders, views=VIEWS, processes=[lender])
    with app.open(session.backend) as processing:
        processing.catch_up()
        found = measure(processing)
    assert (found.facts["events"], found.facts["commits"]) == (5 + 5 + 1, 4 + 5 + 1), (
        "a step an event, and what one sent"
    )
    assert found.facts["steps_share"] == 5 / 11
    assert "45% of the events are steps of processes and workflows; each commit counts as a command." in found.notes
    assert found.answers["read_models"] == 2, "the view of runs is leftfold's own"
    assert found.facts["row_writes_per_event.runs"] == 5 / 11
    entries = found.facts["index_writes_per_row.runs"]
    assert found.assume["touched_rows"] == pytest.approx((5 + 6 + 5 * (1 + entries)) / 11 / 2), "its rows are written"


def test_two_versions_of_a_view_are_one_shape() -> None:
    again = View("notes", initial=0, evolve=_long, version=2)
    with App("shelves", deciders=shelves.deciders, views=[*VIEWS, again]).open(Memory().open()) as session:
        assert measure(session).answers["read_models"] == 2
