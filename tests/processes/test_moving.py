"""A history that moves to another store: its processes go on there, with memories and timers, and send nothing twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from leftfold.adapters.memory import Memory
from leftfold.archive import Archive
from leftfold.archive.writer import archiver_of
from leftfold.connect import open_objects
from leftfold.copying import copy
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import OVERDUE, Place, orders, payments, shop
from leftfold.testing.verdicts import Seen, check_store


def test_a_copied_process_goes_on_where_it_was() -> None:
    clock = FrozenClock()
    source, destination = Memory(clock).open(), Memory(clock).open()
    with shop.open(source) as session:
        for key, place in (("o1", Place(50)), ("o2", Place(500)), ("o3", Place(9, "invoice"))):
            session.category(orders).handle(key, place)
        session.catch_up()
    copy(source, destination)
    end = destination.log.end()
    with shop.open(destination) as session:
        session.catch_up()
        assert destination.log.end() == end
        clock.forward(OVERDUE.total_seconds())
        session.catch_up()
        assert session.category(payments).state("o3").reminders == 1
        clock.forward(OVERDUE.total_seconds())
        session.catch_up()
        assert [session.category(orders).state(key).status for key in ("o1", "o2", "o3")] == [
            "confirmed", "cancelled", "cancelled",
        ]  # fmt: skip
        check_store(session, Seen())


def test_what_was_under_way_is_sent_there_once() -> None:
    clock = FrozenClock()
    source, destination = Memory(clock).open(), Memory(clock).open()
    with shop.open(source) as session:
        session.category(orders).handle("o1", Place(50))
        (follower,) = session.sources()["process:fulfilment"]()
        follower.step()  # decided, and not sent yet
    copy(source, destination)
    with shop.open(destination) as session:
        session.catch_up()
        assert session.category(orders).state("o1").status == "confirmed"
        assert session.category(payments).state("o1").charged == 50
        check_store(session, Seen())


def test_a_process_goes_on_in_a_store_that_was_made_of_the_archive_alone(tmp_path: Path) -> None:
    with shop.open(f"sqlite:{tmp_path}/a.db?archive=file:{tmp_path}/archive") as session:
        for key, place in (("o1", Place(50)), ("o2", Place(500)), ("o3", Place(9, "invoice"))):
            session.category(orders).handle(key, place)
        session.catch_up()
        archiver = archiver_of(session.backend)
        assert archiver is not None
        archiver.seal(force=True)
        runs, end = list(session.operations.runs.list()), session.backend.log.end()
    (due,) = [at for one in runs for at in one.run.timers.values()]
    clock = FrozenClock(due - timedelta(seconds=1))
    backend = Memory(clock).open()
    copy(Archive(open_objects(f"file:{tmp_path}/archive"), ""), backend)
    with shop.open(backend) as session:
        session.catch_up()
        assert backend.log.end() == end
        assert list(session.operations.runs.list()) == runs
        clock.forward(1)
        session.catch_up()
        assert session.category(payments).state("o3").reminders == 1
        check_store(session, Seen())
