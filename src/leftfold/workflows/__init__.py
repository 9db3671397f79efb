"""Floor 4: workflows at work. Declared steps are taken one after another, each once in effect, and undone where one fails.

Knows: workflows as values, their runs as events, following. Must not know: views, stores, other rooms of this floor, how a
command is handled (it is handed in).
"""

from leftfold.core.workflows import (
    Attempt as Attempt,
    Await as Await,
    Choice as Choice,
    Parallel as Parallel,
    Retry as Retry,
    Wait as Wait,
)

__all__ = ["Attempt", "Await", "Choice", "Parallel", "Retry", "Wait"]
