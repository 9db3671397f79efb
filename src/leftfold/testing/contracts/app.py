"""What an app promises on any store."""

from leftfold.testing.contracts.base import Contract


class AppContract(Contract):
    """Subclass with `make_backend`."""
