"""The one place that catches everything: user code may raise anything, and it must not take a loop or a lock with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Failed(Struct, frozen=True):
    """What user code raised."""

    error: Exception

    def __str__(self) -> str:
        try:
            text = str(self.error)
        except Exception as broken:  # any: an exception of the user's may not even be able to say what it is
            text = f"(no message: {type(broken).__name__})"
        return f"{type(self.error).__name__}: {text}"[:500].encode("utf-8", "backslashreplace").decode()


def attempt(function: Callable[..., T], *arguments: Any) -> T | Failed:
    """The function's result, or `Failed`. For the user's functions only: our own errors have types."""
    try:
        return function(*arguments)
    except Exception as error:  # any: the user's decide, key and evolve may raise whatever they like
        return Failed(error)
