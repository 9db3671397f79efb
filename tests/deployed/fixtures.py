"""The proof, for the tests here and those of grants."""

from __future__ import annotations

import os

import pytest

from tests.deployed.proof import Proof, once, prove


@pytest.fixture(scope="session")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """What came of deploying the examples. With xdist, the workers' folders lie side by side in the run's own."""
    base = tmp_path_factory.getbasetemp()
    return once(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base, prove)


__all__ = ["proof"]
