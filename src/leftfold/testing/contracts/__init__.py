"""The promises of the ports, as tests. Whoever writes a store subclasses these, and runs pytest.

    class TestStore(StoreContract):
        @pytest.fixture
        def make_backend(self, tmp_path, clock):
            return lambda tenant: open_mystore(tmp_path, tenant=tenant, clock=clock)

`make_backend(tenant)` opens a store ("" is no tenant); called again within a test it opens the same data, as another
process would. It must go by the `clock` fixture.
"""

from leftfold.testing.contracts.app import AppContract
from leftfold.testing.contracts.base import Contract, MakeBackend
from leftfold.testing.contracts.catalog import CatalogContract
from leftfold.testing.contracts.checkpoints import CheckpointsContract, DeadLettersContract
from leftfold.testing.contracts.log import LogContract
from leftfold.testing.contracts.objects import MakeObjects, ObjectsContract
from leftfold.testing.contracts.publisher import PublisherContract
from leftfold.testing.contracts.rows import RowsContract
from leftfold.testing.contracts.snapshots import SnapshotsContract
from leftfold.testing.contracts.store import StoreContract
from leftfold.testing.contracts.tables import TablesContract

__all__ = [
    "AppContract",
    "CatalogContract",
    "CheckpointsContract",
    "Contract",
    "DeadLettersContract",
    "LogContract",
    "MakeBackend",
    "MakeObjects",
    "ObjectsContract",
    "PublisherContract",
    "RowsContract",
    "SnapshotsContract",
    "StoreContract",
    "TablesContract",
]
