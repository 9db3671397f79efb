"""A disk that fails under a SqlView is the store's trouble, not the event's: nothing is parked, and the step comes back."""

import sqlite3
from pathlib import Path

import pytest

from leftfold import App, SqlView, StoreUnavailable
from leftfold.adapters.sqlite import open_sqlite
from leftfold.core.views import Sql
from leftfold.testing.sample import Open, Opened, account


def test_a_full_disk_parks_nothing(tmp_path: Path) -> None:
    bulk = ["x" * 1_000_000]

    def apply(sql: Sql, event: Opened) -> None:
        for text in bulk:
            sql.execute("INSERT INTO {owners} VALUES (?)", (text,))
        sql.execute("INSERT INTO {owners} VALUES (?)", (event.owner,))

    owners = SqlView("owners", schema="CREATE TABLE {owners} (name TEXT)", apply=apply)
    backend = open_sqlite(tmp_path / "x.db")
    with App("app", deciders=[account], views=[owners]).open(backend) as session:
        session.category(account).handle("ann", Open("Ann"))
        session.operations.status()  # which makes the view's tables
        assert session.backend.tables is not None
        session.backend.tables.create(
            ["PRAGMA max_page_count = 1"]
        )  # no page more: SQLite says so as a full disk would
        with pytest.raises(StoreUnavailable, match="full"):
            session.catch_up()
        assert session.operations.dead_letters() == []
        bulk.clear()
        session.backend.tables.create(["PRAGMA max_page_count = 4294967294"])
        session.catch_up()
        assert session.view(owners).query("SELECT name FROM {owners}") == [{"name": "Ann"}]
        assert sqlite3.connect(tmp_path / "x.db").execute("SELECT count(*) FROM owners").fetchone() == (1,)
