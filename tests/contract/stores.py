"""How the contracts open each of our stores."""

from pathlib import Path

import pytest

from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from leftfold.testing.contracts import MakeBackend
from tests.testbed.aws import Aws


class OnMemory:
    @pytest.fixture
    def make_backend(self, clock: FrozenClock) -> MakeBackend:
        return Memory(clock).open


class OnSqlite:
    @pytest.fixture
    def make_backend(self, tmp_path: Path, clock: FrozenClock) -> MakeBackend:
        return lambda tenant: open_sqlite(tmp_path / "test.db", tenant=tenant, clock=clock)


class OnDynamo:
    @pytest.fixture
    def make_backend(self, aws: Aws, clock: FrozenClock) -> MakeBackend:
        def make(tenant: str) -> Backend:
            client, streams = aws.client("dynamodb"), aws.client("dynamodbstreams")
            return open_dynamodb(
                "test", tenant=tenant, clock=clock, prefix=aws.prefix, create=True, client=client, streams=streams
            )

        return make
