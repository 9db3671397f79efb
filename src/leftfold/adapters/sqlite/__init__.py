"""One SQLite file: events, log, rows, checkpoints and the user's SqlView tables, in one transaction where it matters.

Implements every port. Knows SQL and this file's locking rules (connection.py). A tenant has a file of its own, so that
no statement can span tenants; each file says whose it is.
"""

from leftfold.adapters.sqlite.backend import open_sqlite

__all__ = ["open_sqlite"]
