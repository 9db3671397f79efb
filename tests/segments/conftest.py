"""The command line's desk, for its verbs that are of the archive."""

from tests.cli.conftest import bank, desk

__all__ = ["bank", "desk"]
