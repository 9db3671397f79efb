"""URL -> backend: the only place that knows which stores exist, and the only dynamic import."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl

from leftfold.core.errors import ConfigError
from leftfold.core.streams import check_tenant
from leftfold.ports.backend import Backend


def connect(url: str, *, tenant: str | None = None) -> Backend:
    """The backend that a URL names.

    `memory:` is a new, empty store. `sqlite:PATH` takes `?mode=rwc|rw|ro` and `durability=full|relaxed`.
    """
    if tenant is not None:
        check_tenant(tenant)
    scheme, colon, rest = url.partition(":")
    opener = _SCHEMES.get(scheme)
    if not colon or opener is None:
        raise ConfigError(f"{url!r} names no store: use sqlite:PATH, as sqlite:bank.db, or memory:.")
    place, _, query = rest.partition("?")
    return opener(place, _options(url, query), tenant or "")


def _options(url: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError as error:
        raise ConfigError(f"{url!r}: options are written ?name=value&name=value ({error}).") from error
    return dict(pairs)


def _choice(options: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = options.pop(name, allowed[0])
    if value not in allowed:
        raise ConfigError(f"{name}={value!r} is not one of {', '.join(allowed)}.")
    return value


def _done(options: dict[str, str]) -> None:
    if options:
        raise ConfigError(f"unknown store option {next(iter(options))!r}: remove it.")


def _memory(place: str, options: dict[str, str], tenant: str) -> Backend:
    from leftfold.adapters.memory import Memory

    _done(options)
    if place:
        raise ConfigError("memory: takes no path; every session on it starts empty.")
    return Memory().open(tenant)


def _sqlite(place: str, options: dict[str, str], tenant: str) -> Backend:
    from leftfold.adapters.sqlite import open_sqlite

    if not place:
        raise ConfigError("sqlite: needs a path, as sqlite:bank.db.")
    if place.startswith("//"):
        raise ConfigError(
            f"sqlite: takes a path as it is, without slashes before it: sqlite:{place.lstrip('/')} or sqlite:/absolute."
        )
    if "\0" in place:
        raise ConfigError("sqlite: the path has a NUL character.")
    try:
        os.fsencode(place)
    except UnicodeEncodeError as error:
        raise ConfigError(f"sqlite: {place!r} is no path that this system can write: {error.reason}.") from error
    mode = cast(Literal["rwc", "rw", "ro"], _choice(options, "mode", ("rwc", "rw", "ro")))
    durability = cast(Literal["full", "relaxed"], _choice(options, "durability", ("full", "relaxed")))
    _done(options)
    return open_sqlite(Path(place), tenant=tenant, mode=mode, durability=durability)


_SCHEMES: dict[str, Callable[[str, dict[str, str], str], Backend]] = {"memory": _memory, "sqlite": _sqlite}
