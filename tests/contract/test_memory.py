"""The memory store keeps every promise of its ports."""

from leftfold.testing import contracts
from tests.contract.stores import OnMemory


class TestStore(OnMemory, contracts.StoreContract): ...


class TestSnapshots(OnMemory, contracts.SnapshotsContract): ...


class TestLog(OnMemory, contracts.LogContract): ...


class TestRows(OnMemory, contracts.RowsContract): ...


class TestCheckpoints(OnMemory, contracts.CheckpointsContract): ...


class TestDeadLetters(OnMemory, contracts.DeadLettersContract): ...


class TestCatalog(OnMemory, contracts.CatalogContract): ...


class TestApp(OnMemory, contracts.AppContract): ...
