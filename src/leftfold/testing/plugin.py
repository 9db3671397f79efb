"""The pytest plugin: fixtures for tests of an app. Every pytest run loads it, so it imports nothing before its use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from leftfold.app import App
    from leftfold.session import Session
    from leftfold.testing.clock import FrozenClock
    from leftfold.testing.runtime import LambdaRuntime

pytest.register_assert_rewrite("leftfold.testing.contracts")


@pytest.fixture
def leftfold_clock() -> FrozenClock:
    """A clock that stands still until `leftfold_clock.forward(seconds)`."""
    from leftfold.testing.clock import FrozenClock

    return FrozenClock()


@pytest.fixture
def open_session(request: pytest.FixtureRequest) -> Iterator[Callable[[App], Session]]:
    """`open_session(app)` gives a session on memory, closed at the test's end; each call opens the same data.

    In a test that also asks for `leftfold_clock` it goes by that one.
    """
    from leftfold.adapters.memory import Memory

    steered = "leftfold_clock" in request.fixturenames
    memory = Memory(request.getfixturevalue("leftfold_clock") if steered else None)
    with ExitStack() as sessions:
        yield lambda app: sessions.enter_context(app.open(memory.open()))


@pytest.fixture(params=["memory", "sqlite"])
def every_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, once for each kind: the test runs on all of them. `memory:` is empty at each opening."""
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'test.db'}"


@pytest.fixture
def lambda_runtime() -> Iterator[Callable[..., LambdaRuntime]]:
    """`lambda_runtime("module.handler", path=..., env=..., timeout_s=...)`: a `LambdaRuntime`, ended with the test."""
    from leftfold.testing.runtime import LambdaRuntime

    with ExitStack() as functions:
        yield lambda *arguments, **named: functions.enter_context(LambdaRuntime(*arguments, **named))
