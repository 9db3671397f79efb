import pytest

from leftfold.testing import FrozenClock
from tests.dynamodb.views import Views
from tests.testbed.aws import Aws


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def views(aws: Aws, clock: FrozenClock) -> Views:
    return Views(aws, clock)
