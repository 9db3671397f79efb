"""For all tests, those of the examples too: the AWS testbed, and `every_store` on it as well."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.testbed.aws import Aws
from tests.testbed.fixtures import aws, aws_place

__all__ = ["aws", "aws_place", "every_store"]


settings.register_profile(
    "steady",  # on a busy machine: nothing depends on the time, and a run draws what the last one drew
    deadline=None,
    derandomize="LEFTFOLD_SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Ctrl-C works in what the tests start: a shell's background job ignores it, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def every_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, once for each kind: the test runs on all of them. `memory:` is empty at each opening."""
    if request.param == "dynamodb":
        place: Aws = request.getfixturevalue("aws")
        return place.url("test")
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'test.db'}"
