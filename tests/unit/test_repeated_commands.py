"""Once: a repeated command id returns the first outcome, and appends nothing."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, BadKey, Rejected
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.backend import Backend
from leftfold.testing.sample import (
    AddCourse,
    Close,
    Deposit,
    Deposited,
    Enrol,
    Leave,
    Left,
    Open,
    Opened,
    Refused,
    Withdraw,
    account,
    bank,
    enrolments,
    on_call,
    school,
)
from tests.unit.wrapped import watched


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return Memory().open() if request.param == "memory" else open_sqlite(tmp_path / "bank.db")


@pytest.mark.parametrize("where", ["the same session", "another session"])
def test_a_repeated_command_returns_the_first_outcome(backend: Backend, where: str) -> None:
    here = bank.open(backend).category(account)
    here.handle("ann", Open("Ann"))
    first = here.handle("ann", Deposit(5), command_id="req-1")
    here.handle("ann", Deposit(100))
    there = here if where == "the same session" else bank.open(backend).category(account)
    again = there.handle("ann", Deposit(5), command_id="req-1")
    assert again == replace(first, repeated=True)
    assert (again.version, again.state.balance, again.events) == (2, 5, (Deposited(5),))
    assert there.state("ann").balance == 105


def test_a_repeated_command_of_several_events_returns_all_of_them(backend: Backend) -> None:
    accounts = bank.open(backend).category(account)
    accounts.handle("ann", Open("Ann"))
    accounts.handle("ann", Deposit(5))
    first = accounts.handle("ann", Close(), command_id="req-1")
    accounts.handle("ann", Open("Ann"))
    assert accounts.handle("ann", Close(), command_id="req-1") == replace(first, repeated=True)


def test_what_a_repeated_command_says_does_not_matter_only_its_id(backend: Backend) -> None:
    accounts = bank.open(backend).category(account)
    first = accounts.handle("ann", Open("Ann"), command_id="req-1")
    assert accounts.handle("ann", Withdraw(10**9), command_id="req-1") == replace(first, repeated=True)


def test_a_refused_command_id_was_not_used(backend: Backend) -> None:
    accounts = bank.open(backend).category(account)
    accounts.handle("ann", Open("Ann"))
    with pytest.raises(Refused):
        accounts.handle("ann", Withdraw(5), command_id="req-1")
    accounts.handle("ann", Deposit(5))
    assert not accounts.handle("ann", Withdraw(5), command_id="req-1").repeated


def test_an_id_counts_within_its_stream(backend: Backend) -> None:
    accounts = bank.open(backend).category(account)
    accounts.handle("ann", Open("Ann"), command_id="req-1")
    assert not accounts.handle("bob", Open("Bob"), command_id="req-1").repeated


@pytest.mark.parametrize("where", ["the same session", "another session"])
def test_an_id_given_for_ever_counts_in_every_stream(backend: Backend, where: str) -> None:
    here = bank.open(backend).category(account)
    first = here.handle("ann", Open("Ann"), command_id="req-1", once="forever")
    there = here if where == "the same session" else bank.open(backend).category(account)
    there.handle("bob", Open("Bob"))
    again = there.handle("bob", Deposit(5), command_id="req-1", once="forever")
    assert again == replace(first, repeated=True)
    assert again.events == (Opened("Ann"),)
    assert there.state("bob").balance == 0


def test_an_id_given_for_ever_to_another_category_is_refused(backend: Backend) -> None:
    app = App("both", deciders=[account, enrolments])
    session = app.open(backend)
    session.category(account).handle("ann", Open("Ann"), command_id="req-1", once="forever")
    with pytest.raises(Rejected, match="command id") as refused:
        session.category(enrolments).handle(AddCourse("c1", 3), command_id="req-1", once="forever")
    assert refused.value.field == "command_id"


def test_a_repeated_command_holds_whatever_was_expected(backend: Backend) -> None:
    accounts = bank.open(backend).category(account)
    first = accounts.handle("ann", Open("Ann"), command_id="req-1", expected="absent")
    assert accounts.handle("ann", Open("Ann"), command_id="req-1", expected="absent") == replace(first, repeated=True)


def test_the_same_id_in_a_race_is_appended_once() -> None:
    """The other session's append of the same id comes in just before ours."""
    backend, store, _ = watched(Memory().open())
    here, there = (bank.open(backend).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    store.before["append"] = lambda: there.handle("ann", Deposit(5), command_id="req-1")
    outcome = here.handle("ann", Deposit(5), command_id="req-1")
    assert outcome.repeated
    assert here.state("ann").balance == 5


def test_an_id_in_a_race_for_ever_is_appended_once_over_all_streams() -> None:
    backend, store, _ = watched(Memory().open())
    here, there = (bank.open(backend).category(account) for _ in range(2))
    for key in ("ann", "bob"):
        here.handle(key, Open(key))
    store.before["append"] = lambda: there.handle("bob", Deposit(5), command_id="req-1", once="forever")
    outcome = here.handle("ann", Deposit(5), command_id="req-1", once="forever")
    assert (outcome.repeated, outcome.state.balance) == (True, 5)
    assert here.state("ann").balance == 0


def test_a_lost_answer_is_recognised_as_ones_own_write(backend: Backend) -> None:
    """The append went through, but the store's answer did not: the caller asks again."""
    seen, _, _ = watched(backend)
    inner = seen.store

    class LostAnswer:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def append(self, commit: Any) -> Any:
            inner.append(commit)
            raise ConnectionError("lost")

    accounts = bank.open(replace(backend, store=LostAnswer())).category(account)
    with pytest.raises(ConnectionError):
        accounts.handle("ann", Open("Ann"), command_id="req-1")
    again = bank.open(backend).category(account).handle("ann", Open("Ann"), command_id="req-1")
    assert (again.repeated, again.version) == (True, 1)


def test_a_repeated_command_over_a_boundary_returns_the_first_outcome(backend: Backend) -> None:
    here = school.open(backend).category(enrolments)
    here.handle(AddCourse("c1", 3))
    first = here.handle(Enrol("c1", "s1"), command_id="req-1")
    here.handle(Enrol("c1", "s2"))
    again = school.open(backend).category(enrolments).handle(Enrol("c1", "s1"), command_id="req-1")
    assert again == replace(first, repeated=True)


def test_an_id_given_for_ever_over_a_boundary_counts_over_every_other(backend: Backend) -> None:
    here = school.open(backend).category(enrolments)
    for course in ("c1", "c2"):
        here.handle(AddCourse(course, 3))
    here.handle(Enrol("c1", "s9"))
    first = here.handle(Enrol("c1", "s1"), command_id="req-1", once="forever")
    for other in (Enrol("c2", "s2"), Enrol("c1", "s2"), Enrol("c2", "s1")):
        assert here.handle(other, command_id="req-1", once="forever") == replace(first, repeated=True)
    assert len(list(here._deciding.loader.recorded("course/c2"))) == 1


def test_a_repeated_command_that_wrote_to_another_stream_than_the_first_has_the_same_version(backend: Backend) -> None:
    """The version is that of the boundary's first stream, which a command may only read."""

    class Watching(type(on_call)):  # type: ignore[misc]
        def boundary(self, command: Leave) -> Any:
            return list(reversed(super().boundary(command)))

        def decide(self, command: Leave, left: frozenset[str]) -> Any:
            return [Left(command.who)]

    watching = Watching()
    here = App("ward", deciders=[watching]).open(backend).category(watching)
    here.handle(Leave("bob", "eve"))
    first = here.handle(Leave("ann", "bob"), command_id="req-1")
    here.handle(Leave("bob", "ann"))
    assert here.handle(Leave("ann", "bob"), command_id="req-1") == replace(first, repeated=True)
    assert (first.version, first.state) == (1, {"ann", "bob"})


@pytest.mark.parametrize(
    "notes",
    [
        {"command_id": ""},
        {"command_id": "a\0b"},
        {"command_id": "x" * 513},
        {"command_id": "\ud800"},
        {"correlation_id": "x" * 513},
        {"causation_id": "\ud800"},
        {"causation_id": "x" * 5000},
        {"actor": "a\nb"},
        {"actor": "x" * 257},
        {"traceparent": "\x7f"},
    ],
    ids=lambda notes: f"{next(iter(notes))} {len(next(iter(notes.values())))}",
)
def test_a_note_that_not_every_store_can_hold_is_refused_with_its_name(notes: dict[str, Any]) -> None:
    with bank.open("memory:") as session:
        with pytest.raises(BadKey) as refused:
            session.category(account).handle("ann", Open("Ann"), **notes)
        assert refused.value.field == next(iter(notes))
        assert list(session.log()) == []
