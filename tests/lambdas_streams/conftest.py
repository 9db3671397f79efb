from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from leftfold.adapters.dynamodb import backend, calls
from tests.lambdas_streams.bench import Bench
from tests.lambdas_streams.feeding import Said
from tests.testbed.aws import Aws
from tests.testbed.faults import Faults


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def faults() -> Faults:
    """What befalls the clients that `watched` handlers make."""
    return Faults()


@pytest.fixture
def watched(aws: Aws, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that are made from a URL here on are watched, and meet `faults`. One for all: they take long to make."""

    @cache
    def made(service: str) -> Any:
        return aws.client(service, faults)

    def client(service: str, **_: Any) -> Any:
        return made(service)

    monkeypatch.setattr(backend, "make_client", client)


@pytest.fixture
def bench(aws: Aws, said: Said, watched: None) -> Iterator[Bench]:
    bench = Bench(aws, said)
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same retries, sooner: nothing here depends on how long a pause is."""
    monkeypatch.setattr(calls, "PAUSE_S", 0.0005)
    monkeypatch.setattr(calls, "MAX_PAUSE_S", 0.01)
