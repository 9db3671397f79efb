"""The SQLite store keeps every promise of its ports."""

from leftfold.testing import contracts
from tests.contract.stores import OnSqlite


class TestStore(OnSqlite, contracts.StoreContract): ...


class TestSnapshots(OnSqlite, contracts.SnapshotsContract): ...


class TestLog(OnSqlite, contracts.LogContract): ...


class TestRows(OnSqlite, contracts.RowsContract): ...


class TestCheckpoints(OnSqlite, contracts.CheckpointsContract): ...


class TestDeadLetters(OnSqlite, contracts.DeadLettersContract): ...


class TestCatalog(OnSqlite, contracts.CatalogContract): ...


class TestApp(OnSqlite, contracts.AppContract): ...


class TestTables(OnSqlite, contracts.TablesContract): ...
