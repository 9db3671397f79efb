"""A history is copied from store to store and back, byte by byte, in one go or in several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from leftfold import ConfigError, copying
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.cli.main import main
from leftfold.copying import compare, copy
from leftfold.ports.backend import Backend
from leftfold.testing.sample import Deposit, Open as OpenAccount, Transfer, account, bank
from tests.dynamodb_reliability.ticking import Tick, app, counting, tick
from tests.testbed.aws import Aws

Open = Callable[..., Backend]


@pytest.fixture
def opened() -> Iterator[Callable[[Backend], Backend]]:
    with ExitStack() as exits:

        def keep(backend: Backend) -> Backend:
            exits.callback(backend.close)
            return backend

        yield keep


@pytest.fixture
def on_dynamodb(aws: Aws, opened: Callable[[Backend], Backend]) -> Open:
    def opener(tenant: str = "") -> Backend:
        clients = {"client": aws.client(), "streams": aws.client("dynamodbstreams")}
        return opened(open_dynamodb("copy", prefix=aws.prefix, create=True, tenant=tenant, **clients))

    return opener


@pytest.fixture
def on_sqlite(tmp_path: Path, opened: Callable[[Backend], Backend]) -> Open:
    numbers = count()
    return lambda tenant="": opened(open_sqlite(tmp_path / f"{next(numbers)}.db", tenant=tenant))


def filled(backend: Backend, commands: int = 60) -> Backend:
    """A history with commits of several streams, ids that count in a stream or forever, and some that nobody gave."""
    session = app.open(backend)
    for number in range(commands):
        tick(session, "own", number)
    session.catch_up()
    return backend


def log(backend: Backend) -> list[Any]:
    return backend.log.page(limit=100_000)


def test_a_history_goes_to_dynamodb_and_back_byte_by_byte(
    on_sqlite: Open, on_dynamodb: Open, record_property: Callable[[str, object], None]
) -> None:
    source, cloud, back = filled(on_sqlite()), on_dynamodb(), on_sqlite()
    there, here = copy(source, cloud), copy(cloud, back)
    assert log(source) == log(cloud) == log(back)
    assert (there.copied, here.copied) == (60, 60)
    compared = [compare(source, on_dynamodb()), compare(on_dynamodb(), back)]
    assert all(one.equal for one in compared)
    assert compared[0].digest == compared[1].digest == compare(source, back).digest
    for backend in (cloud, back):
        again = app.open(backend)
        assert tick(again, "own", 1) == "own-1", "a repeated command"
        again.catch_up()
        assert len(log(backend)) == 60
    assert back.store.find("own-6", "count/elsewhere", forever=True) is not None
    record_property("figure", "copy: 60 events of 8 kinds of commits to DynamoDB and back: equal byte by byte")


class Stops(Exception):
    """The process ends here."""


def stopping(backend: Backend, *, commits: int, placings: int = 10**9) -> Backend:
    """A store that ends after some commits of an append_all, or before a placing."""

    class Store:
        def append_all(self, batch: Any) -> Any:
            for commit in list(batch)[:commits][::-1]:  # streams are written in parallel: in no order
                if all(seen == 0 for seen in commit.expected.values()):
                    backend.store.append(commit)
            raise Stops

        def __getattr__(self, name: str) -> Any:
            return getattr(backend.store, name)

    class Log:
        def place(self, upto: Any = None) -> int:
            raise Stops

        def __getattr__(self, name: str) -> Any:
            return getattr(backend.log, name)

    stores: Any = (Store(), backend.log) if commits < 10**9 else (backend.store, Log())
    return replace(backend, store=stores[0], log=stores[1])


@pytest.mark.parametrize("stop", [{"commits": 0}, {"commits": 40}, {"commits": 10**9}])
def test_a_copy_that_was_stopped_anywhere_goes_on(on_sqlite: Open, on_dynamodb: Open, stop: dict[str, int]) -> None:
    source = filled(on_sqlite())
    with pytest.raises(Stops):
        copy(source, stopping(on_dynamodb(), **stop))
    assert on_dynamodb().log.end() == 0
    copy(source, on_dynamodb())
    assert compare(source, on_dynamodb()).equal
    assert log(on_dynamodb()) == log(source)


def test_a_copy_of_what_was_copied_brings_what_is_new(on_sqlite: Open, on_dynamodb: Open) -> None:
    source, cloud = filled(on_sqlite(), 10), on_dynamodb()
    assert copy(source, cloud).copied == 10
    session = app.open(source)
    for number in range(10, 25):
        tick(session, "own", number)
    again = copy(source, on_dynamodb())
    assert (again.before, again.copied) == (10, 15)
    assert compare(source, on_dynamodb()).equal
    assert copy(source, on_dynamodb()).copied == 0


def test_a_destination_with_other_events_is_refused_and_left_alone(on_sqlite: Open, on_dynamodb: Open) -> None:
    source, cloud = filled(on_sqlite(), 10), filled(on_dynamodb(), 3)
    before = log(cloud)
    with pytest.raises(ConfigError, match="other events"):
        copy(source, on_dynamodb())
    assert log(on_dynamodb()) == before
    with pytest.raises(ConfigError, match="the source 0"):
        copy(on_sqlite(), cloud)
    with pytest.raises(ConfigError, match="tenant"):
        copy(source, on_sqlite("acme"))


def test_what_somebody_else_wrote_and_nobody_placed_is_refused_before_anything_is_written(
    on_sqlite: Open, on_dynamodb: Open, aws: Aws
) -> None:
    source = filled(on_sqlite(), 10)

    def events() -> Any:
        return aws.client().scan(TableName=f"{aws.prefix}copy-events", ConsistentRead=True)["Items"]

    tick(app.open(on_dynamodb()), "strange", 0)  # in a stream that the source doesn't have
    before = events()
    with pytest.raises(ConfigError, match="other events"):
        copy(source, on_dynamodb())
    assert events() == before


@pytest.mark.parametrize("more", [False, True], ids=["another event", "more events"])
def test_other_events_in_the_sources_own_streams_are_refused_before_anything_is_written(
    on_sqlite: Open, on_dynamodb: Open, more: bool
) -> None:
    source, cloud = filled(on_sqlite(), 10), on_dynamodb()
    (chunk,) = copying._chunks(source.log, "", 0, 10)
    commits = [copying._commit(group) for group in chunk]
    if more:
        for commit in commits:
            cloud.store.append(commit)
    tick(app.open(cloud), "own", 7 if more else 0)
    ends = {stream: cloud.store.last(stream) for commit in commits for stream in commit.expected}
    with pytest.raises(ConfigError, match="other events"):
        copy(source, on_dynamodb())
    assert {stream: on_dynamodb().store.last(stream) for stream in ends} == ends
    assert on_dynamodb().log.end() == 0


def test_what_was_left_half_done_and_then_placed_by_a_sequencer_is_refused(on_sqlite: Open, on_dynamodb: Open) -> None:
    """The control of resuming: placed as it was written, and not as the source has it, it is another history."""
    source = filled(on_sqlite())
    with pytest.raises(Stops):
        copy(source, stopping(on_dynamodb(), commits=40))
    assert on_dynamodb().log.place()
    with pytest.raises(ConfigError, match="other events"):
        copy(source, on_dynamodb())
    assert compare(source, on_dynamodb()).differs_at is not None


def test_an_id_that_counts_here_in_a_stream_and_there_forever_stays_both(on_sqlite: Open, on_dynamodb: Open) -> None:
    source = on_sqlite()
    session = app.open(source)
    session.category(counting).handle("one", Tick("a"), command_id="x")
    session.category(counting).handle("two", Tick("b"), command_id="x", once="forever")
    copy(source, on_dynamodb())
    again = app.open(on_dynamodb()).category(counting)
    assert again.handle("one", Tick("a"), command_id="x").repeated
    assert again.handle("two", Tick("b"), command_id="x", once="forever").repeated
    assert not again.handle("three", Tick("c"), command_id="x").repeated


def test_reactions_go_on_where_they_were_and_send_nothing_twice(on_sqlite: Open, on_dynamodb: Open) -> None:
    """A transfer to nobody was refused; in the copy that account is opened, and the money still doesn't arrive."""
    source = on_sqlite()
    session = bank.open(source)
    accounts = session.category(account)
    accounts.handle("ann", OpenAccount("Ann"))
    accounts.handle("ann", Deposit(100))
    accounts.handle("ann", Transfer("bob", 30))
    session.catch_up()
    assert [one.kind for one in session.operations.dead_letters()] == ["refused"]
    accounts.handle("bob", OpenAccount("Bob"))
    assert copy(source, on_dynamodb()).reactions == ("reaction:credit",)
    there = bank.open(on_dynamodb())
    there.catch_up()
    assert there.backend.log.end() == source.log.end() == 4
    assert there.category(account).state("bob").balance == 0
    assert [(one.kind, one.position) for one in there.operations.dead_letters()] == [("refused", 3)]
    assert copy(source, on_dynamodb()).reactions == (), "taken along once"


def test_dead_letters_by_the_hundred_are_taken_along_in_steps(on_sqlite: Open, on_dynamodb: Open) -> None:
    source = on_sqlite()
    session = bank.open(source)
    accounts = session.category(account)
    accounts.handle("ann", OpenAccount("Ann"))
    accounts.handle("ann", Deposit(1000))
    for _ in range(120):
        accounts.handle("ann", Transfer("nobody", 1))
    session.catch_up()
    there = on_dynamodb()
    copy(source, there)
    letters = there.dead.list("reaction:credit")
    assert [(one.position, one.lane, one.kind, one.error) for one in letters] == [
        (one.position, one.lane, one.kind, one.error) for one in source.dead.list("reaction:credit")
    ]
    assert len(letters) == 120
    loaded = [backend.checkpoints.load("reaction:credit") for backend in (source, there)]
    assert loaded[0].position == loaded[1].position == 122


def test_a_tenants_history_stays_the_tenants(on_sqlite: Open, on_dynamodb: Open) -> None:
    source = filled(on_sqlite("acme"), 10)
    copy(source, on_dynamodb("acme"))
    assert compare(source, on_dynamodb("acme")).equal
    assert on_dynamodb().log.end() == 0


@pytest.mark.parametrize("bug", ["swapped", "altered", "left out"])
def test_the_comparison_finds_the_first_position_that_differs(on_sqlite: Open, bug: str) -> None:
    source = filled(on_sqlite(), 10)
    memory = Memory().open()
    copy(source, memory)
    events: list[Any] = memory.log._log  # type: ignore[attr-defined]
    if bug == "swapped":
        events[4], events[5] = replace(events[5], position=5), replace(events[4], position=6)
    elif bug == "altered":
        events[4] = replace(events[4], body=events[4].body + b" ")
    else:
        del events[4:]
    found = compare(source, memory)
    assert (found.equal, found.differs_at) == (False, 5)


def test_the_command_line_copies_and_compares(aws: Aws, on_sqlite: Open, tmp_path: Path) -> None:
    filled(on_sqlite(), 20)
    source, cloud, back = f"sqlite:{tmp_path / '0.db'}", aws.url("copied"), f"sqlite:{tmp_path / 'back.db'}"
    runner = CliRunner()
    told = runner.invoke(main, ["copy", source, cloud])
    assert told.exit_code == 0, told.output
    assert "20 events copied." in told.output
    found = json.loads(runner.invoke(main, ["copy", cloud, back, "--json"]).output)
    assert (found["equal"], found["copied"]["copied"]) == (True, 20)
    assert runner.invoke(main, ["copy", source, back, "--verify"]).exit_code == 0
    filled(on_sqlite(), 5)
    other = f"sqlite:{tmp_path / '1.db'}"
    differing = runner.invoke(main, ["copy", source, other, "--verify"])
    assert differing.exit_code == 1
    assert "they differ" in differing.output
    assert runner.invoke(main, ["copy", source, source]).exit_code == 3
    assert runner.invoke(main, ["copy", f"sqlite:{tmp_path / 'none.db'}", other]).exit_code == 4
