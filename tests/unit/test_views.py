"""Views: a row is the fold of its events, exactly once, whatever is redelivered, removed, indexed or rebuilt."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, ConfigError, Fenced, Recorded, StaleRead, View
from leftfold.adapters.memory import Memory
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import Builds
from leftfold.projections.builds import build_fingerprint, build_version
from leftfold.session import Session
from leftfold.subscriptions import follow
from leftfold.subscriptions.lanes import Lanes
from leftfold.testing import FrozenClock
from leftfold.testing.sample import Deposited, Open, Opened, account, balances, bank


class Move_(Struct, frozen=True):
    """A command: from these keys, this much."""

    keys: tuple[str, ...]
    amount: int


class Moved(Struct, frozen=True):
    keys: tuple[str, ...]
    amount: int


class Moving:
    category = "moving"
    initial = 0

    def decide(self, command: Move_, state: int) -> list[Moved]:
        return [Moved(command.keys, command.amount)]

    def evolve(self, state: int, event: Moved) -> int:
        return state + 1


class Sum(Struct, frozen=True):
    total: int = 0
    events: tuple[int, ...] = ()


def keys(event: Recorded[Moved]) -> list[str]:
    return list(event.data.keys)


def summed(row: Sum, event: Recorded[Moved], key: str) -> Sum | None:
    """Zero amounts remove the row; every position that was folded shows in it."""
    if event.data.amount == 0:
        return None
    return Sum(row.total + event.data.amount, (*row.events, event.position))


moving = Moving()
sums = View(
    "sums",
    initial=Sum(),
    evolve=summed,
    key=keys,
    indexes={
        "total": lambda row: row.total if row.total % 2 else None,
        "sign": lambda row: "+" if row.total > 0 else "-",
    },
)
app = App("moves", deciders=[moving], views=[sums])


def naive(events: Iterable[Recorded[Any]]) -> dict[str, Sum]:
    rows: dict[str, Sum] = {}
    for event in events:
        for key in dict.fromkeys(event.data.keys):
            made = summed(rows.get(key, Sum()), event, key)
            rows.pop(key, None)
            if made is not None:
                rows[key] = made
    return rows


def check(session: Session) -> None:
    rows = naive(session.log())  # type: ignore[arg-type]
    reader = session.view(sums)
    assert dict(reader.scan()) == rows
    assert [key for key, _ in reader.scan()] == sorted(rows, key=str.encode)
    odd = {key: row for key, row in rows.items() if row.total % 2}
    assert dict(reader.find(total=(None, None))) == odd
    assert dict(reader.find(total=(0, 3))) == {key: row for key, row in odd.items() if 0 <= row.total < 3}
    assert dict(reader.find(sign="+", total=(-1, None))) == {k: r for k, r in odd.items() if r.total > 0}
    values = [row.total for _, row in reader.find(total=(None, None))]
    assert values == sorted(values)
    for key in rows:
        assert reader.get(key) == rows[key]
        assert key in reader
    assert reader.get("nobody") == Sum()
    assert "nobody" not in reader


steps = st.tuples(
    st.lists(st.sampled_from(["a", "b", "c", "é"]), max_size=4).map(tuple), st.integers(-2, 3), st.sampled_from("ABCD ")
)


@given(st.lists(steps, max_size=25), st.integers(1, 4))
def test_rows_and_indexes_are_the_naive_fold_however_the_log_is_cut(
    history: list[tuple[tuple[str, ...], int, str]], batch: int
) -> None:
    """Several sessions catch up in turns, in pages of a few events, with a rebuild in between."""
    memory = Memory()
    sessions = [app.open(memory.open()) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(follow, "BATCH_EVENTS", batch)
        for number, (names, amount, what) in enumerate(history):
            sessions[0].category(moving).handle("m", Move_(names, amount))
            if what in "AB":
                session = sessions["AB".index(what)]
                session.catch_up()
                for follower in session._followers.values():
                    follower.release()
            if what == "C":
                sessions[number % 2].operations.rebuild("sums")
                assert list(sessions[number % 2].operations.diff("sums")) == []
                sessions[number % 2].operations.promote("sums")
                for session in sessions:
                    for follower in session._followers.values():
                        follower.release()
        sessions[0].catch_up()
        check(sessions[0])
        check(app.open(memory.open()))


def test_the_check_finds_a_row_that_was_folded_twice() -> None:
    """Teeth: a projector that applies a page again leaves a trace that the check must see."""
    memory = Memory()
    session = app.open(memory.open())
    session.category(moving).handle("m", Move_(("a",), 1))
    session.catch_up()
    check(session)
    build = session.builds["sums"].builds().live
    assert build is not None
    backend = session.backend
    work: Any = session.builds["sums"].work(build)
    work._fold.step = lambda row, event, key: summed(row or Sum(), event, key)
    progress = backend.checkpoints.load(build)
    changes = work.changes({"a": list(session.log())}, Lanes(build, {}), late=True)
    backend.rows.write(build, changes, Move(build, progress.revision, progress.position, None))
    with pytest.raises(AssertionError):
        check(session)


def test_a_page_that_was_applied_by_somebody_else_is_fenced_and_changes_nothing() -> None:
    session = app.open(Memory().open())
    session.category(moving).handle("m", Move_(("a",), 1))
    build = session.builds["sums"].ensure().live or ""
    work = session.builds["sums"].work(build)
    before = session.backend.checkpoints.load(build)
    page = session.backend.log.page()
    work.take(page, before, None)
    with pytest.raises(Fenced):
        work.take(page, before, None)
    check(session)


def test_a_page_is_one_write_with_one_checkpoint() -> None:
    backend = Memory().open()
    writes: list[tuple[int, int]] = []

    class Rows:
        def __getattr__(self, name: str) -> Any:
            return getattr(backend.rows, name)

        def write(self, build: str, changes: Any, move: Move) -> None:
            writes.append((len(changes), move.position))
            backend.rows.write(build, changes, move)

    session = app.open(replace(backend, rows=Rows()))
    for number in range(2500):
        session.category(moving).handle("m", Move_((f"k{number % 10}",), 1))
    assert session.catch_up() == 2500
    assert writes == [(10, 1000), (10, 2000), (10, 2500)]
    check(session)


class Loose(Struct):
    """A row that its fold changes in place."""

    seen: list[int] = []


def collect(row: Loose, event: Recorded[Moved]) -> Loose:
    row.seen.append(event.position)
    return row


def test_rows_that_are_changed_in_place_share_nothing() -> None:
    loose = View("loose", initial=Loose(), evolve=collect)
    session = App("moves", deciders=[moving], views=[loose]).open("memory:")
    for key in "abab":
        session.category(moving).handle(key, Move_((), 1))
    session.catch_up()
    assert {key: row.seen for key, row in session.view(loose).scan()} == {"a": [1, 3], "b": [2, 4]}
    assert loose.initial.seen == []


def test_a_write_is_contained_in_a_read_that_names_its_receipt_or_the_read_says_how_far_it_is() -> None:
    session = bank.open("memory:")
    outcome = session.category(account).handle("ann", Open("Ann"))
    view = session.view(balances)
    with pytest.raises(StaleRead) as stale:
        view.get("ann", after=outcome.receipt)
    assert (stale.value.view, stale.value.behind, stale.value.blocked_by) == ("balances", 1, None)
    reading = view.get("ann", after=outcome.receipt, stale="allow")
    assert (reading.row, reading.exists, reading.stale, reading.behind) == (0, False, True, 1)
    session.catch_up()
    assert view.get("ann", after=outcome.receipt) == 0
    reading = view.get("ann", after=outcome.receipt, stale="allow")
    assert (reading.exists, reading.stale, reading.behind, reading.blocked_by) == (True, False, 0, None)


# Builds


def one(row: int, event: Opened | Deposited) -> int:
    return row + 1


def two(row: int, event: Opened | Deposited) -> int:
    return row + 2


def counted(*versions: View[Any]) -> App:
    return App("counted", deciders=[account], views=versions)


v1 = View("counts", initial=0, evolve=one)
v2 = View("counts", initial=0, evolve=two, version=2)
v3 = View("counts", initial=0, evolve=two, version=3)


def builds(backend: Backend, *versions: View[Any]) -> Builds:
    return counted(*versions).open(backend).builds["counts"].ensure()


def numbers(found: Builds) -> list[int | None]:
    return [build and build_version(build) for build in (found.live, found.candidate, found.previous)]


def test_a_build_is_named_by_view_version_number_and_fingerprint() -> None:
    found = builds(Memory().open(), v1).live or ""
    fingerprint = build_fingerprint(found)
    assert found == f"counts@1.0-{fingerprint}"
    assert len(fingerprint) == 8
    assert int(fingerprint, 16) >= 0


@pytest.mark.parametrize(
    ("deployments", "expected"),
    [
        ([[v1]], [1, None, None]),
        ([[v1, v2]], [2, None, None]),
        ([[v1, v2], [v1, v2]], [2, None, None]),
        ([[v1], [v1, v2]], [1, 2, None]),
        ([[v1], [v2]], [1, 2, None]),
        ([[v1], [v1, v2], [v1, v3]], [1, 3, None]),
        ([[v1], [v1, v2], [v1, v2, v3]], [1, 2, None]),
        ([[v2], [v1]], [2, 1, None]),
    ],
)
def test_a_deployment_makes_the_builds_that_its_versions_lack(
    deployments: list[list[View[Any]]], expected: list[int | None]
) -> None:
    backend = Memory().open()
    for versions in deployments:
        builds(backend, *versions)
    assert numbers(builds(backend, *deployments[-1])) == expected


def test_an_older_version_is_never_promoted_over_a_newer_one() -> None:
    session = counted(v1, v2).open("memory:")
    session.category(account).handle("ann", Open("Ann"))
    session.catch_up()
    assert session.view(v2).get("ann") == 2
    with pytest.raises(ConfigError, match="no candidate"):
        session.operations.promote("counts")
    session.operations.rebuild("counts")
    session.operations.promote("counts")
    session.catch_up()
    assert numbers(session.builds["counts"].ensure()) == [2, None, 2]
    assert session.view(v2).get("ann") == 2


def test_a_live_version_that_left_the_code_goes_on_serving_until_another_is_promoted() -> None:
    backend = Memory().open()
    old = counted(v1).open(backend)
    old.category(account).handle("ann", Open("Ann"))
    old.catch_up()
    old.close()
    new = counted(v2).open(backend)
    outcome = new.category(account).handle("ann2", Open("Ann"))
    new.catch_up()
    assert new.view(v2).get("ann") == 1
    with pytest.raises(StaleRead, match="version 1 is live but no longer in the code"):
        new.view(v2).get("ann2", after=outcome.receipt)
    new.operations.promote("counts")
    assert new.view(v2).get("ann2", after=outcome.receipt) == 2
    assert new.view(v2).get("ann") == 2


def by_amount(event: Recorded[Opened | Deposited]) -> str:
    return "all"


@pytest.mark.parametrize(
    "changed",
    [
        View("counts", initial=0, evolve=two),
        View("counts", initial=5, evolve=one),
        View("counts", initial=0, evolve=one, key=by_amount),
        View("counts", initial=0, evolve=one, indexes={"n": lambda row: row}),
    ],
    ids=["evolve", "initial", "key", "indexes"],
)
def test_code_that_is_not_what_began_a_build_shows_in_its_status(changed: View[int]) -> None:
    backend = Memory().open()
    (before,) = counted(v1).open(backend).operations.status()
    assert not before.changed
    (after,) = counted(changed).open(backend).operations.status()
    assert after.changed
    assert after.subscriber == before.subscriber


# Parked keys


def picky(row: int, event: Deposited) -> int:
    if event.amount in poison:
        raise ValueError(f"bad amount {event.amount}")
    return row + event.amount


poison: set[int] = set()
picked = View("picked", initial=0, evolve=picky)


def parked(*amounts: int) -> Session:
    session = App("picky", deciders=[account], views=[picked]).open("memory:")
    for key in ("ann", "bob"):
        session.category(account).handle(key, Open(key))
        for amount in amounts:
            session.category(account).transact(key, lambda state, amount=amount: [Deposited(amount)])  # type: ignore[misc]
    return session


@pytest.fixture(autouse=True)
def _no_poison_is_left() -> Any:
    poison.clear()
    yield
    poison.clear()


def test_a_poison_event_parks_its_key_and_no_other() -> None:
    poison.add(2)
    session = parked(1, 2, 3)
    outcome = session.category(account).transact("eve", lambda state: [Deposited(9)])
    session.catch_up()
    view = session.view(picked)
    assert dict(view.scan()) == {"ann": 1, "bob": 1, "eve": 9}
    reading = view.get("ann", stale="allow")
    assert reading.blocked_by == "position 3: ValueError: bad amount 2"
    assert view.get("eve", after=outcome.receipt) == 9
    letters = session.operations.dead_letters()
    assert Counter((one.lane, one.kind) for one in letters) == {
        (f"row:{key}", kind): 1 for key in ("ann", "bob") for kind in ("poison", "queued")
    }


def test_a_lane_drains_in_order_once_its_fold_is_mended() -> None:
    poison.add(2)
    session = parked(1, 2, 3, 4)
    session.catch_up()
    (status,) = session.operations.status()
    assert (status.health.state, status.health.parked) == ("parked", 2)
    assert session.operations.retry(status.subscriber, "row:ann") == 3
    poison.clear()
    assert session.operations.retry(status.subscriber, "row:ann") == 0
    assert dict(session.view(picked).scan()) == {"ann": 10, "bob": 1}
    assert session.operations.retry(status.subscriber, "row:bob") == 0
    assert session.operations.dead_letters() == []
    assert session.operations.status()[0].health.state == "ok"


def test_one_event_after_another_may_be_skipped_with_a_reason() -> None:
    poison.update((2, 4))
    session = parked(1, 2, 3, 4, 5)
    session.catch_up()
    subscriber = session.operations.status()[0].subscriber
    with pytest.raises(ConfigError, match="needs a reason"):
        session.operations.skip(subscriber, "row:ann", reason=" ")
    assert session.operations.skip(subscriber, "row:ann", reason="typo") == 2
    assert session.operations.skip(subscriber, "row:ann", reason="another") == 0
    assert session.view(picked).get("ann") == 1 + 3 + 5
    kept = [one for one in session.operations.dead_letters() if one.lane == "row:ann"]
    assert [(one.kind, one.error) for one in kept] == [
        ("skipped", "typo (was: ValueError: bad amount 2)"),
        ("skipped", "another (was: ValueError: bad amount 4)"),
    ]
    with pytest.raises(ConfigError, match="no parked lane 'row:ann'"):
        session.operations.skip(subscriber, "row:ann", reason="once more")


def test_progress_that_stands_still_is_called_frozen() -> None:
    clock = FrozenClock()
    session = bank.open(Memory(clock).open())
    accounts = session.category(account)

    def state() -> str:
        return next(one.health.state for one in session.operations.status() if one.name == "balances")

    assert state() == "ok"
    accounts.handle("ann", Open("Ann"))
    assert state() == "behind"
    clock.forward(61)
    assert state() == "frozen"
    session.catch_up()
    assert state() == "ok"
    clock.forward(600)
    assert state() == "ok"
    accounts.handle("bob", Open("Bob"))
    clock.forward(59)
    assert state() == "behind"
    clock.forward(2)
    assert state() == "frozen"
