from collections.abc import Iterator

import pytest

from leftfold.adapters.dynamodb import calls
from tests.dynamodb_reliability.opening import Opener, opening
from tests.testbed.aws import Aws


@pytest.fixture
def opener(aws: Aws) -> Iterator[Opener]:
    with opening(aws) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same retries, sooner: nothing here depends on how long a pause is."""
    monkeypatch.setattr(calls, "PAUSE_S", 0.0005)
    monkeypatch.setattr(calls, "MAX_PAUSE_S", 0.01)
