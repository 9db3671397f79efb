"""DynamoDB's rows, checkpoints, letters and catalog keep every promise of their ports."""

import pytest

from leftfold.testing import FrozenClock, contracts
from leftfold.testing.contracts import MakeBackend
from tests.dynamodb.views import Views
from tests.testbed.aws import Aws


class OnViews:
    @pytest.fixture
    def make_backend(self, aws: Aws, clock: FrozenClock) -> MakeBackend:
        return Views(aws, clock).open


class TestRows(OnViews, contracts.RowsContract): ...


class TestCheckpoints(OnViews, contracts.CheckpointsContract): ...


class TestDeadLetters(OnViews, contracts.DeadLettersContract): ...


class TestCatalog(OnViews, contracts.CatalogContract): ...
