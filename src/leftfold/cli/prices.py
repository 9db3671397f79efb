"""`--prices FILE`, of every verb that counts money."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from leftfold.cli.files import read_some
from leftfold.core.errors import ConfigError
from leftfold.fit.costs.prices import Prices, built_in, read


def prices_of(path: Path | None) -> Prices:
    """A user's prices over the list's, or the list. A price of tomorrow is a slip, and refused."""
    if path is None:
        return built_in()
    try:
        return read(read_some(path), str(path), today=datetime.now(UTC).astimezone().date())
    except OSError as error:
        raise ConfigError(f"--prices {path}: {error.strerror}.") from error
