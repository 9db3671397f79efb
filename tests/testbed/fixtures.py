"""The testbed's fixtures, for every test: tests/conftest.py imports them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.testbed.aws import Aws, Place, environment
from tests.testbed.ministack import Ministack, NotInstalled, find_ministack


@pytest.fixture(scope="session")
def aws_place() -> Iterator[Place]:
    """The AWS of these tests: $LEFTFOLD_TEST_ENDPOINT (a URL, or "aws"), else a stand-in for each worker.

    For tests that need one longer or more often than `aws` lasts: `with aws_place.visit() as aws`.
    """
    elsewhere = os.environ.get("LEFTFOLD_TEST_ENDPOINT")
    if elsewhere:
        yield _place(None if elsewhere == "aws" else elsewhere, reset=None)
        return
    try:
        executable = find_ministack()
    except NotInstalled as missing:
        pytest.fail(str(missing), pytrace=False)
    with Ministack(executable) as server:
        yield _place(server.endpoint, reset=server.reset)


@pytest.fixture
def aws(aws_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS for one test, empty under `aws.prefix`; whatever makes a client by itself comes here as well."""
    _lead(monkeypatch, aws_place.endpoint)
    with aws_place.visit() as aws:
        yield aws


def _place(endpoint: str | None, *, reset: Callable[[], None] | None) -> Place:
    with pytest.MonkeyPatch.context() as monkeypatch:
        _lead(monkeypatch, endpoint)
        return Place(endpoint, reset=reset)


def _lead(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    """To `endpoint`, past the profiles and credentials of whoever runs the tests; None: to their own account."""
    if endpoint is None:
        return
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
