"""The DynamoDB store keeps every promise of its ports."""

from leftfold.testing import contracts
from tests.contract.stores import OnDynamo


class TestStore(OnDynamo, contracts.StoreContract): ...


class TestSnapshots(OnDynamo, contracts.SnapshotsContract): ...


class TestLog(OnDynamo, contracts.LogContract): ...


class TestRows(OnDynamo, contracts.RowsContract): ...


class TestCheckpoints(OnDynamo, contracts.CheckpointsContract): ...


class TestDeadLetters(OnDynamo, contracts.DeadLettersContract): ...


class TestCatalog(OnDynamo, contracts.CatalogContract): ...


class TestApp(OnDynamo, contracts.AppContract): ...
