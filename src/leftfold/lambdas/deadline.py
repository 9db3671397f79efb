"""How much time an invocation has left. A handler that stops early answers; one that is killed answers nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

MARGIN_S: Final = 2.0  # for the step under way to end (a page, a transaction) and the answer to go out
MARGIN_SHARE: Final = 0.25  # of the whole time at most, so that a function of few seconds still works


class Deadline:
    """The end of an invocation, less a margin. `remaining_s` is the time that is really left."""

    def __init__(self, remaining_s: Callable[[], float]) -> None:
        self._remaining_s = remaining_s
        whole = remaining_s()
        self._margin_s = min(MARGIN_S, whole * MARGIN_SHARE)

    def left_s(self) -> float:
        """Seconds of work left; 0 when it is time to stop, infinite where there is no deadline."""
        return max(0.0, self._remaining_s() - self._margin_s)

    @property
    def passed(self) -> bool:
        return self.left_s() <= 0


def deadline(context: Any) -> Deadline:
    """The deadline of Lambda's context. A call without one, from a test or by hand, has no end."""
    remaining_ms: Callable[[], int] | None = getattr(context, "get_remaining_time_in_millis", None)
    return Deadline(lambda: math.inf if remaining_ms is None else remaining_ms() / 1000)
