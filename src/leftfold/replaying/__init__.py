"""Floor 5: replaying: a build of a view folded from archived segments by several processes, each for row keys of its own.

Knows: a session's builds, projectors, the archive. Must not know: which store, which bucket, the command line.
"""

from leftfold.replaying.run import Replayed, replay

__all__ = ["Replayed", "replay"]
