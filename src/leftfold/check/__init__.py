"""Floor 5: stored history against today's code, for `leftfold check` and for CI.

Knows: sessions, schemas, folds. Must not know: any store, or how a finding is printed. Reads, and writes nothing.
"""

from leftfold.check.findings import CODES, Finding, Level, check

__all__ = ["CODES", "Finding", "Level", "check"]
