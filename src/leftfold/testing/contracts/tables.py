"""What SqlTables promises, in stores that speak SQL: the user's own statements move with the checkpoint."""

from __future__ import annotations

from functools import partial

import pytest

from leftfold.core.attempt import Failed
from leftfold.core.errors import Fenced, LeftfoldError
from leftfold.core.views import Sql
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move, Progress
from leftfold.ports.rows import Builds, SqlTables
from leftfold.testing.contracts.base import Contract, all_at_once, letter, step

CREATE = 'CREATE TABLE "sums__1_0" (name TEXT PRIMARY KEY, cents INTEGER)'
INSERT = 'INSERT INTO "sums__1_0" VALUES (?, ?)'
SELECT = 'SELECT name, cents FROM "sums__1_0" ORDER BY name'


def insert(sql: str, cents: int, run: Sql) -> None:
    run.execute(sql, ("ann", cents))


def moved(subscriber: str, _: None) -> Move:
    return step(subscriber, 0, 1)


class TablesContract(Contract):
    """Subclass with `make_backend`, for a store whose `tables` is not None."""

    @pytest.fixture
    def tables(self, backend: Backend) -> SqlTables:
        assert backend.tables is not None
        backend.tables.create([CREATE])
        return backend.tables

    def test_statements_and_checkpoint_move_together(self, backend: Backend, tables: SqlTables) -> None:
        def work(sql: Sql) -> int:
            assert sql.execute(INSERT, ("ann", 5)) == []
            assert sql.execute(SELECT) == [("ann", 5)]
            return 7

        def move(position: int) -> Move:
            return step("sums@1.0", 0, position, park=[letter("sums@1.0", "stream:account/bob", 3)])

        tables.write(work, move)
        assert tables.query(SELECT) == [{"name": "ann", "cents": 5}]
        progress = backend.checkpoints.load("sums@1.0")
        assert (progress.position, progress.parked) == (7, {"stream:account/bob": 3})

    def test_a_fenced_move_undoes_the_statements(self, backend: Backend, tables: SqlTables) -> None:
        tables.write(lambda sql: sql.execute(INSERT, ("ann", 5)), lambda _: step("sums@1.0", 0, 1))
        with pytest.raises(Fenced):
            tables.write(lambda sql: sql.execute(INSERT, ("bob", 6)), lambda _: step("sums@1.0", 0, 2))
        assert tables.query(SELECT) == [{"name": "ann", "cents": 5}]
        assert backend.checkpoints.load("sums@1.0").position == 1

    def test_a_failing_statement_undoes_the_others(self, backend: Backend, tables: SqlTables) -> None:
        def work(sql: Sql) -> None:
            sql.execute(INSERT, ("ann", 5))
            sql.execute(INSERT, ("ann", 6))

        with pytest.raises(LeftfoldError):
            tables.write(work, lambda _: step("sums@1.0", 0, 1))
        assert tables.query(SELECT) == []
        assert backend.checkpoints.load("sums@1.0") == Progress()

    def test_work_that_raises_undoes_its_statements(self, backend: Backend, tables: SqlTables) -> None:
        def work(sql: Sql) -> None:
            sql.execute(INSERT, ("ann", 5))
            raise ValueError("of the user's")

        with pytest.raises(ValueError, match="of the user's"):
            tables.write(work, lambda _: step("sums@1.0", 0, 1))
        assert tables.query(SELECT) == []
        tables.write(lambda sql: sql.execute(INSERT, ("bob", 6)), lambda _: step("sums@1.0", 0, 1))
        assert tables.query(SELECT) == [{"name": "bob", "cents": 6}]

    def test_a_fenced_worker_beside_others_undoes_only_its_own(self, backend: Backend, tables: SqlTables) -> None:
        def project(name: str, subscriber: str) -> None:
            tables.write(lambda sql: sql.execute(INSERT, (name, 1)), lambda _: step(subscriber, 0, 1))

        tables.write(lambda sql: None, lambda _: step("late", 0, 1))
        tasks = [partial(project, f"n{i}", f"s{i}") for i in range(6)]
        tasks += [partial(project, f"x{i}", "late") for i in range(3)]
        results = all_at_once(tasks)
        assert [isinstance(one, Failed) and isinstance(one.error, Fenced) for one in results[-3:]] == [True] * 3
        assert [row["name"] for row in tables.query(SELECT)] == [f"n{i}" for i in range(6)]

    def test_a_query_takes_parameters_and_names_its_columns(self, tables: SqlTables) -> None:
        tables.write(lambda sql: sql.execute(INSERT, ("ann';--", 5)), lambda _: step("sums@1.0", 0, 1))
        rows = tables.query('SELECT cents AS c, name FROM "sums__1_0" WHERE name = ?', ("ann';--",))
        assert rows == [{"c": 5, "name": "ann';--"}]

    @pytest.mark.parametrize("sql", ['DELETE FROM "sums__1_0"', INSERT.replace("?, ?", "'x', 1"), "DROP TABLE events"])
    def test_a_query_writes_nothing(self, tables: SqlTables, sql: str) -> None:
        tables.write(lambda sql: sql.execute(INSERT, ("ann", 5)), lambda _: step("sums@1.0", 0, 1))
        with pytest.raises(LeftfoldError):
            tables.query(sql)
        assert tables.query(SELECT) == [{"name": "ann", "cents": 5}]

    def test_a_plain_name_reads_the_table_it_was_pointed_at(self, backend: Backend, tables: SqlTables) -> None:
        tables.create([CREATE.replace("1_0", "2_0")])
        for suffix, cents in (("1_0", 5), ("2_0", 6)):
            sql, subscriber = INSERT.replace("1_0", suffix), f"sums@{suffix}"
            tables.write(partial(insert, sql, cents), partial(moved, subscriber))
        one, two = Builds(live="sums@1.0"), Builds(live="sums@2.0", previous="sums@1.0")
        assert backend.catalog.point("sums", Builds(), one, aliases={"sums": "sums__1_0"}, caught_up=False)
        assert tables.query("SELECT cents FROM sums") == [{"cents": 5}]
        assert not backend.catalog.point("sums", Builds(), two, aliases={"sums": "sums__2_0"}, caught_up=False)
        assert tables.query("SELECT cents FROM sums") == [{"cents": 5}]
        assert backend.catalog.point("sums", one, two, aliases={"sums": "sums__2_0"}, caught_up=False)
        assert tables.query("SELECT cents FROM sums") == [{"cents": 6}]

    def test_dropped_tables_are_gone(self, tables: SqlTables) -> None:
        tables.drop(["sums__1_0", "never__1_0"])
        with pytest.raises(LeftfoldError):
            tables.query(SELECT)
        tables.create([CREATE])
        assert tables.query(SELECT) == []
