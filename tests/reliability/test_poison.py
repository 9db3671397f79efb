"""P3: events that a view or a reaction chokes on. Only their key waits, in order; the others go on; then it is fixed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leftfold import App, ConfigError, Recorded, Send, Session, SqlView, View, send
from leftfold.core.views import Sql
from leftfold.subscriptions import follow
from leftfold.subscriptions.lanes import Lanes
from tests.reliability.ledger import Copies, Copy, Note, Noted, Tallies

KEYS, NOTES = 30, 600


class Poison:
    """Amounts that the code can't take yet. `fix` is the release that can."""

    def __init__(self, amounts: set[int]) -> None:
        self.amounts = amounts

    def taste(self, amount: int) -> None:
        if amount in self.amounts:
            raise ValueError(f"can't take {amount}")

    def fix(self) -> None:
        self.amounts = set()


class World:
    """A session whose view, tables and reaction all choke on the poison; and what each should show."""

    def __init__(self, folder: Path, poison: Poison) -> None:
        self.poison, self.tallies, self.copies = poison, Tallies(), Copies()

        def amounts(row: list[int], event: Noted) -> list[int]:
            poison.taste(event.amount)
            return [*row, event.amount]

        def store(sql: Sql, event: Recorded[Noted]) -> None:
            sql.execute("INSERT INTO {amounts_table} VALUES (?, ?)", (event.key, event.data.amount))
            poison.taste(event.data.amount)  # after its statement, which must be undone

        def react(event: Recorded[Noted]) -> list[Send]:
            poison.taste(event.data.amount)
            return [send(self.copies, event.key, Copy(event.data.amount, event.id))]

        self.rows = View("amounts", initial=list[int](), evolve=amounts)
        self.table = SqlView("amounts_table", schema="CREATE TABLE {amounts_table} (key TEXT, amount INT)", apply=store)
        app = App(
            "poisoned", deciders=[self.tallies, self.copies], views=[self.rows, self.table], reactions={"copy": react}
        )
        self.session: Session = app.open(f"sqlite:{folder}/poison.db")
        self.noted: dict[str, list[int]] = {f"k{i}": [] for i in range(KEYS)}

    def write(self, dice: random.Random) -> None:
        for amount in range(NOTES):
            key = f"k{dice.randrange(KEYS)}"
            self.session.category(self.tallies).handle(key, Note(amount))
            self.noted[key].append(amount)

    def shown(self) -> dict[str, dict[str, list[int]]]:
        """What view, tables and copies hold for each key, in order."""
        table: dict[str, list[int]] = {key: [] for key in self.noted}
        sql = "SELECT key, amount FROM {amounts_table} ORDER BY rowid"
        for row in self.session.view(self.table).query(sql):
            table[row["key"]].append(row["amount"])
        sent = self.session.category(self.copies)
        return {
            "view": {key: self.session.view(self.rows).get(key) for key in self.noted},
            "table": table,
            "reaction": {key: [event.data.amount for event in sent.events(key)] for key in self.noted},
        }

    def until_poison(self) -> dict[str, list[int]]:
        """What each key should show while it waits: all before its first poison."""
        return {
            key: amounts[: next((i for i, a in enumerate(amounts) if a in self.poison.amounts), len(amounts))]
            for key, amounts in self.noted.items()
        }

    def parked(self) -> list[tuple[str, str]]:
        letters = self.session.operations.dead_letters(limit=100_000)
        return sorted({(one.subscriber, one.lane) for one in letters if one.kind in ("poison", "queued")})


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 50)  # so that keys are found parked by earlier pages, too


@pytest.fixture
def worlds(tmp_path: Path, small_pages: None) -> Iterator[Callable[[int], World]]:
    made: list[World] = []

    def make(count: int) -> World:
        dice = random.Random(count)
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, Poison(set(dice.sample(range(NOTES), count)))))
        made[-1].write(dice)
        return made[-1]

    yield make
    for world in made:
        world.session.close()


def wrong_while_parked(world: World) -> list[str]:
    expected = world.until_poison()
    found = [
        f"{kind}: {key} shows {rows[key]}, not {expected[key]}"
        for kind, rows in world.shown().items()
        for key in rows
        if rows[key] != expected[key]
    ]
    view = world.session.view(world.rows)
    for key, amounts in world.noted.items():
        is_poisoned = any(amount in world.poison.amounts for amount in amounts)
        blocked = view.get(key, stale="allow").blocked_by
        if is_poisoned != bool(blocked and "can't take" in blocked):
            found.append(f"{key}: blocked by {blocked}")
    return found


@pytest.mark.parametrize("events", [(10, 40, 50), pytest.param((100, 200, 300, 400), marks=pytest.mark.soak)])
def test_poison_holds_up_its_own_key_only_and_order_is_kept_when_it_is_fixed(
    events: tuple[int, ...],
    worlds: Callable[[int], World],
    record_property: Callable[[str, object], None],
) -> None:
    lanes = 0
    for count in events:
        world = worlds(count)
        world.session.catch_up()
        assert wrong_while_parked(world) == []
        poisoned = sum(any(a in world.poison.amounts for a in amounts) for amounts in world.noted.values())
        assert len(world.parked()) == 3 * poisoned
        world.poison.fix()
        for subscriber, lane in world.parked():
            assert world.session.operations.retry(subscriber, lane) == 0
            lanes += 1
        assert world.parked() == []
        assert world.shown() == dict.fromkeys(("view", "table", "reaction"), world.noted)
    record_property(
        "figure",
        f"P3: {sum(events)} poison events for a view, a SqlView and a reaction: {lanes} lanes parked and freed, order kept",
    )


def test_a_skipped_event_is_left_out_and_its_reason_kept(worlds: Callable[[int], World]) -> None:
    world = worlds(6)
    world.session.catch_up()
    operations = world.session.operations
    subscriber, lane = next(pair for pair in world.parked() if pair[1].startswith("row:"))
    with pytest.raises(ConfigError, match="reason"):
        operations.skip(subscriber, lane, reason=" ")
    still = operations.skip(subscriber, lane, reason="typed twice by mistake, ticket 12")
    key = lane.removeprefix("row:")
    poisoned = [amount for amount in world.noted[key] if amount in world.poison.amounts]
    left_out = [amount for amount in world.noted[key] if amount != poisoned[0]]
    shown = left_out if len(poisoned) == 1 else left_out[: left_out.index(poisoned[1])]
    assert (still > 0) == (len(poisoned) > 1)
    assert world.session.view(world.rows).get(key) == shown
    (skipped,) = [one for one in operations.dead_letters(subscriber) if one.kind == "skipped"]
    assert "ticket 12" in skipped.error
    assert "can't take" in skipped.error


def test_a_key_that_is_still_poisoned_stays_parked_with_nothing_behind_it_applied(
    worlds: Callable[[int], World],
) -> None:
    world = worlds(20)
    world.session.catch_up()
    before = world.parked()
    for subscriber, lane in before:
        assert world.session.operations.retry(subscriber, lane) > 0
    assert world.parked() == before
    assert wrong_while_parked(world) == []


def nothing_waits(*_: Any) -> bool:
    return False


def everything_waits(lanes: Lanes, event: Recorded[Any]) -> bool:
    if lanes._parked:
        lanes.park(next(iter(lanes._parked)), event.position)
    return bool(lanes._parked)


BUGS: dict[str, dict[str, Any]] = {
    "later events of a poisoned key go ahead": {"is_parked": nothing_waits, "waits_for_stream": nothing_waits},
    "all keys wait behind one": {"waits_for_stream": everything_waits},
    "what is set aside is forgotten": {"letters": lambda _: ()},
}


def test_planted_ways_to_treat_poison_wrongly_are_caught(
    worlds: Callable[[int], World], record_property: Callable[[str, object], None]
) -> None:
    caught = []
    for name, methods in BUGS.items():
        with pytest.MonkeyPatch.context() as patch:
            for method, bug in methods.items():
                patch.setattr(Lanes, method, bug)
            world = worlds(20)
            world.session.catch_up()
            if wrong_while_parked(world):
                caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"P3: {len(caught)} of {len(BUGS)} planted bugs caught")


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "end transaction",
        " -- done\nCOMMIT",
        "/* x */ ROLLBACK",
        "BEGIN",
        "SAVEPOINT mine",
        "PRAGMA foreign_keys = ON",
        "ATTACH ':memory:' AS other",
    ],
)
def test_an_apply_that_would_end_its_transaction_is_poison_and_doubles_nothing(sql: str, tmp_path: Path) -> None:
    def store(tables: Sql, event: Recorded[Noted]) -> None:
        tables.execute("INSERT INTO {amounts} VALUES (?)", (event.data.amount,))
        if event.data.amount == 3:
            tables.execute(sql)

    tallies = Tallies()
    view = SqlView("amounts", schema="CREATE TABLE {amounts} (amount INT)", apply=store)
    with App("ends", deciders=[tallies], views=[view]).open(f"sqlite:{tmp_path}/ends.db") as session:
        for amount in range(6):
            session.category(tallies).handle(f"k{amount}", Note(amount))
        for _ in range(2):
            session.catch_up()
        (letter,) = session.operations.dead_letters()
        assert (letter.lane, letter.kind) == ("stream:tally/k3", "poison")
        assert "share one transaction" in letter.error
        rows = session.view(view).query("SELECT amount FROM {amounts}")
        assert [row["amount"] for row in rows] == [0, 1, 2, 4, 5]
