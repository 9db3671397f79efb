"""Floor 5: replaying: a build of a view folded from archived segments by many at once, each for row keys of its own.

Knows: a session's builds, projectors, the archive. Must not know: which store, which bucket, the command line.
`run` does it with processes of this machine, `apart` on machines that share nothing but the store; `plan` compares them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leftfold.replaying.run import Replayed as Replayed, replay as replay

__all__ = ["Replayed", "replay"]


def __getattr__(name: str) -> Any:
    """On first use: a function on Lambda forks nothing, and need not load what does."""
    if name not in __all__:
        raise AttributeError(f"module 'leftfold.replaying' has no attribute {name!r}")
    return getattr(import_module("leftfold.replaying.run"), name)
