"""An app is a value: what can't work is refused when it is built, or when it is opened."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

import leftfold
from leftfold import App, BadKey, ConfigError, LeftfoldError, Recorded, Rejected, Send, SqlView, StoreUnavailable, View
from leftfold.connect import connect
from leftfold.core.views import Sql
from leftfold.testing.sample import (
    Account,
    Deposit,
    Deposited,
    Open,
    Opened,
    account,
    balance,
    balances,
    bank,
    enrolments,
    transfers,
)


class Foreign(Struct, frozen=True):
    n: int


class Old(Struct, frozen=True):
    n: int


def foreign(row: int, event: Foreign) -> int:
    return row


def unannotated(row, event):  # type: ignore[no-untyped-def]
    return row


def without_row(row, event: Opened) -> int:  # type: ignore[no-untyped-def]
    return 0


def count(row: int, event: Opened | Deposited) -> int:
    return row + 1


def reaction(event: Recorded[Opened]) -> list[Send]:
    return []


def to_foreign(event: Foreign) -> list[Send]:
    return []


def apply(sql: Sql, event: Opened) -> None:
    return


class NoEvolve:
    category = "x"
    initial = 0

    def decide(self, command: Deposit, state: int) -> list[Opened]:
        return []


class BadCategory(type(account)):  # type: ignore[misc]
    category = "a/b"


def view(name: str = "counts", evolve: Any = count, version: Any = 1, indexes: Any = None) -> View[int]:
    return View(name, initial=0, evolve=evolve, version=version, indexes=indexes)


def app(**parts: Any) -> App:
    return App("app", deciders=[account], **parts)


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: App("Bank"), "app 'Bank'"),
        (lambda: App(""), "app ''"),
        (lambda: App("app", deciders=[account, account]), "category 'account' is declared twice"),
        (lambda: App("app", deciders=[type(account)]), "is a class: pass a value of it"),
        (lambda: App("app", deciders=[NoEvolve()]), "no decider: it has no 'evolve'"),
        (lambda: App("app", deciders=[BadCategory()]), "category 'a/b'"),
        (lambda: app(views=[view(), view()]), "view version 'counts@1' is declared twice"),
        (lambda: app(views=[view(), SqlView("counts", schema="CREATE TABLE {t} (x)", apply=apply, version=2)]), "both"),
        (lambda: app(views=[view(evolve=foreign)]), r"View\('counts', version=1\) takes Foreign, which no decider"),
        (lambda: app(views=[view(evolve=unannotated)]), "unannotated: annotate its parameter 2"),
        (lambda: app(reactions=[to_foreign]), "'to_foreign' takes Foreign"),
        (lambda: app(reactions=[reaction, reaction]), "reaction 'reaction' is declared twice"),
        (lambda: app(reactions=[lambda event: []]), "reaction without a name"),
        (lambda: view(name="Counts"), "view 'Counts'"),
        (lambda: view(name="x" * 49), "at most 48"),
        (lambda: view(version=0), "version must be 1 or more"),
        (lambda: view(version=True), "version must be 1 or more"),
        (lambda: view(indexes={"No Name": lambda row: row}), "index of view 'counts': 'No Name'"),
        (lambda: view(indexes={f"i{n}": lambda row: row for n in range(11)}), "11 indexes; the limit is 10"),
        (lambda: SqlView("t", schema="CREATE TABLE t (x)", apply=apply), r"CREATE TABLE \{t\}"),
    ],
)
def test_what_can_not_work_is_refused_when_it_is_built(build: Callable[[], object], why: str) -> None:
    with pytest.raises((ConfigError, BadKey), match=why):
        build()


def test_an_old_class_that_is_lifted_is_no_subscription() -> None:
    def lift(old: Old) -> Foreign:
        return Foreign(old.n)

    class Lifting:
        category = "lifting"
        initial = 0
        upcasts = (lift,)

        def decide(self, command: Deposit, state: int) -> list[Foreign]:
            return []

        def evolve(self, state: int, event: Foreign) -> int:
            return state

    def old(row: int, event: Old) -> int:
        return row

    App("app", deciders=[Lifting()], views=[view(evolve=foreign)])
    with pytest.raises(ConfigError, match="takes Old, which an upcast lifts"):
        App("app", deciders=[Lifting()], views=[view(evolve=old)])


def test_a_row_without_a_type_is_refused_when_the_app_is_opened() -> None:
    with pytest.raises(ConfigError, match="without_row: annotate its parameter 1"):
        app(views=[view(evolve=without_row)]).open("memory:")


def test_building_an_app_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    built = app(views=[view()], reactions={"welcome": reaction})
    assert (repr(built), list(built.reactions), list(tmp_path.iterdir())) == ("App('app')", ["welcome"], [])


def test_a_reactions_function_may_be_renamed_under_its_name() -> None:
    assert list(app(reactions={"old_name": reaction}).reactions.items()) == [("old_name", reaction)]


def test_a_session_knows_only_its_apps_deciders_and_views() -> None:
    with bank.open("memory:") as session:
        with pytest.raises(ConfigError, match=r"no decider of app 'bank': add it to deciders="):
            session.category(enrolments)
        with pytest.raises(ConfigError, match=r"no view of app 'bank': add it to views="):
            session.view(view())
        with pytest.raises(ConfigError, match="no view of app"):  # a view of the same name and version is not the one
            session.view(View("balances", initial=0, evolve=balance))
        assert session.view(balances).get("ann") == 0


def test_find_names_an_index_that_does_not_exist_and_a_value_that_can_not_be() -> None:
    with bank.open("memory:") as session:
        reader = session.view(transfers)
        with pytest.raises(ConfigError, match=r"no index 'amount' \(declared: paid, direction\)"):
            list(reader.find(amount=1))
        with pytest.raises(ConfigError, match="find needs a condition"):
            list(reader.find())
        for odd in (True, float("nan"), 2**70, None, b"x", (1, float("nan"))):
            with pytest.raises(Rejected) as refused:
                list(reader.find(paid=odd))  # type: ignore[arg-type]
            assert refused.value.field == "paid"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "names no store"),
        ("bank.db", "names no store"),
        ("mongodb:x", r"'mongodb:x' names no store: use sqlite:PATH"),
        ("memory:x", "memory: takes no path"),
        ("memory:?x=1", "unknown store option 'x'"),
        ("sqlite:", "sqlite: needs a path"),
        ("sqlite:a\0b", "NUL"),
        ("sqlite://bank.db", "sqlite:bank.db"),
        ("sqlite:bank.db?mode=x", "mode='x' is not one of rwc, rw, ro"),
        ("sqlite:bank.db?durability=none", "not one of full, relaxed"),
        ("sqlite:bank.db?speed=1", "unknown store option 'speed'"),
        ("sqlite:bank.db?mode", "options are written"),
    ],
)
def test_a_url_that_names_no_store_says_what_to_write(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=why):
        bank.open(url)
    assert list(tmp_path.iterdir()) == []


def test_a_url_opens_the_store_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with bank.open("sqlite:bank.db?durability=relaxed") as session:
        session.category(account).handle("ann", Open("Ann"))
    with bank.open(f"sqlite:{tmp_path}/bank.db?mode=ro") as session:
        assert session.category(account).state("ann") == Account(0, is_open=True)
        with pytest.raises(StoreUnavailable, match="read-only"):
            session.category(account).handle("bob", Open("Bob"))
    with pytest.raises(StoreUnavailable, match=r"other\.db does not exist"):
        bank.open("sqlite:other.db?mode=rw")
    assert connect("memory:", tenant="acme").tenant == "acme"


@pytest.mark.parametrize("tenant", ["", "../x", "ACME"])
def test_a_hostile_tenant_opens_nothing(tenant: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        bank.open(f"sqlite:{tmp_path}/bank.db", tenant=tenant)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_session_says_so_and_may_be_closed_again(tmp_path: Path) -> None:
    with bank.open(f"sqlite:{tmp_path}/bank.db") as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
    session.close()
    for use in (lambda: accounts.handle("ann", Deposit(1)), lambda: list(session.log()), session.catch_up):
        with pytest.raises(StoreUnavailable, match="was closed"):
            use()


def test_every_name_of_the_front_door_opens_and_no_other() -> None:
    for name in leftfold.__all__:
        assert getattr(leftfold, name).__module__.startswith("leftfold.")
    with pytest.raises(AttributeError, match="no attribute 'Apps'"):
        leftfold.Apps  # type: ignore[attr-defined]  # noqa: B018


def test_every_error_is_in_the_tree_and_says_the_next_step_with_its_facts() -> None:
    errors = [getattr(leftfold, name) for name in leftfold.__all__]
    errors = [one for one in errors if isinstance(one, type) and issubclass(one, Exception)]
    assert len(errors) == 13
    assert all(issubclass(one, LeftfoldError) for one in errors)


def test_the_front_door_opens_one_room_at_a_time() -> None:
    program = (
        "import sys, leftfold; leftfold.stream; sys.exit(any(m in sys.modules for m in ('leftfold.app', 'sqlite3')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
