"""The testbed's fixtures, for every test: tests/conftest.py imports them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.aws import Aws, Place
from tests.testbed.ministack import Ministack, NotInstalled, find_ministack


@pytest.fixture(scope="session")
def aws_place() -> Iterator[Place]:
    """The AWS of these tests: $LEFTFOLD_TEST_ENDPOINT (a URL, or "aws"), else a stand-in for each worker.

    For tests that need one longer or more often than `aws` lasts: `with aws_place.visit() as aws`.
    """
    elsewhere = os.environ.get("LEFTFOLD_TEST_ENDPOINT")
    if elsewhere:
        yield Place(None if elsewhere == "aws" else elsewhere)
        return
    with Ministack(ministack_here()) as server:
        yield Place(server.endpoint, reset=server.reset)


@pytest.fixture
def aws(aws_place: Place) -> Iterator[Aws]:
    """AWS for one test, empty under `aws.prefix`; whatever makes a client by itself comes here as well."""
    with aws_place.visit() as aws:
        yield aws


def ministack_here() -> Path:
    """Where it's missing the test fails: a skip would go unseen where it matters."""
    try:
        return find_ministack()
    except NotInstalled as missing:
        why = str(missing)
    if os.environ.get("LEFTFOLD_TEST_ENDPOINT"):
        pytest.skip(f"about the stand-in itself, and the tests run elsewhere. {why}")
    pytest.fail(why, pytrace=False)
