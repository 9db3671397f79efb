"""The reference store: dictionaries under one lock. Shortest, most commented; gone when the process ends.

Implements every port but SqlTables. When a promise is unclear, this is how it is meant; the contract suites hold every
other store to the same answers.
"""

from leftfold.adapters.memory.backend import Memory

__all__ = ["Memory"]
