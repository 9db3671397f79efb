"""The publisher's contract has teeth: a publisher with a planted bug fails at least one of its tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import pytest

from leftfold.core.errors import LeftfoldError
from leftfold.testing.contracts import PublisherContract
from tests.publish.broken import BUGS, Sound


def failing(made: Callable[[], Sound]) -> Iterator[str]:
    """The contract's tests that this publisher fails, each tried on a new one."""
    for name, test in inspect.getmembers(PublisherContract, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        publisher = made()
        given = {"publisher": publisher, "received": lambda count, one=publisher: [m.body for m in one.inbox]}
        wanted = {name: given[name] for name in list(inspect.signature(test).parameters)[1:]}
        try:
            test(PublisherContract(), **wanted)
        except (AssertionError, LeftfoldError, ValueError):
            yield name


def test_a_sound_publisher_fails_nothing() -> None:
    assert list(failing(Sound)) == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: type[Sound]) -> None:
    assert list(failing(bug)) != []
