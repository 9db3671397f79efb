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
from leftfold.ports.objects import Objects


def connect(url: str, *, tenant: str | None = None) -> Backend:
    """The backend that a URL names.

    `memory:` is a new, empty store. `sqlite:PATH` takes `?mode=rwc|rw|ro` and `durability=full|relaxed`. `dynamodb:NAME`
    takes `region`, `endpoint`, `prefix`, `create=true` (makes the tables: for tests and trials) and `objects=s3:BUCKET` or
    `objects=file:FOLDER` for bodies that no item can hold.
    """
    if tenant is not None:
        check_tenant(tenant)
    scheme, colon, rest = url.partition(":")
    opener = _SCHEMES.get(scheme)
    if not colon or opener is None:
        raise ConfigError(f"{url!r} names no store: use sqlite:PATH, as sqlite:bank.db, dynamodb:NAME, or memory:.")
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


def _dynamodb(place: str, options: dict[str, str], tenant: str) -> Backend:
    from leftfold.adapters.dynamodb import open_dynamodb

    if not place:
        raise ConfigError("dynamodb: needs the name that its tables begin with, as dynamodb:bank.")
    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    prefix, objects = options.pop("prefix", ""), options.pop("objects", None)
    create = _choice(options, "create", ("false", "true")) == "true"
    _done(options)
    return open_dynamodb(
        place,
        tenant=tenant,
        region=region,
        endpoint=endpoint,
        prefix=prefix,
        create=create,
        objects=None if objects is None else open_objects(objects, region=region),
    )


def open_objects(url: str, *, region: str | None = None) -> Objects:
    """The object store that a URL names: `s3:BUCKET/PREFIX`, or `file:FOLDER`."""
    scheme, _, place = url.partition(":")
    if scheme == "s3" and place:
        from leftfold.adapters.s3 import open_bucket

        bucket, _, prefix = place.partition("/")
        return open_bucket(bucket, prefix=prefix, region=region)
    if scheme == "file" and place:
        from leftfold.adapters.folder import Folder

        return Folder(Path(place))
    raise ConfigError(f"objects={url!r} names no object store: use s3:BUCKET, s3:BUCKET/PREFIX or file:FOLDER.")


_SCHEMES: dict[str, Callable[[str, dict[str, str], str], Backend]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "dynamodb": _dynamodb,
}
