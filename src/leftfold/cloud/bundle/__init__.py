"""The Lambda bundle: one deterministic zip of an app, its handlers, leftfold and msgspec, for one Python and one processor.

Knows: which files a function needs, and how to compile them for an interpreter that is not this one. Must not know: AWS,
or what is done with the zip. The same inputs give the same bytes, in whatever folder, umask or time zone.
"""

from leftfold.cloud.bundle.building import Bundle, build
from leftfold.cloud.bundle.target import Target

__all__ = ["Bundle", "Target", "build"]
