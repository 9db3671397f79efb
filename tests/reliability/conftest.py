"""What the reliability tests share: a zygote a module, and a pipe for what its workers report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.forks import Reports, Zygote


@pytest.fixture(scope="module")
def zygote_process() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture
def zygote(zygote_process: Zygote) -> Iterator[Zygote]:
    """Forks workers; none of them outlives the test."""
    yield zygote_process
    zygote_process.end_all()


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[Reports]:
    with Reports(tmp_path / "reports") as reports:
        yield reports
