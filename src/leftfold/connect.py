"""URL -> backend: the only place that knows which stores exist, and the only dynamic import."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import parse_qsl

from leftfold.core.errors import ConfigError, LeftfoldError
from leftfold.core.streams import check_tenant
from leftfold.ports.alarms import Alarms
from leftfold.ports.backend import Backend
from leftfold.ports.executions import Executions
from leftfold.ports.machines import Machines
from leftfold.ports.objects import Objects
from leftfold.ports.publisher import Claims, Publisher

if TYPE_CHECKING:
    from leftfold.adapters.dynamodb.sequencers import Sequencers


def connect(url: str, *, tenant: str | None = None) -> Backend:
    """The backend that a URL names.

    `memory:` is a new, empty store. `sqlite:PATH` takes `?mode=rwc|rw|ro` and `durability=full|relaxed`. `dynamodb:NAME`
    takes `region`, `endpoint`, `prefix`, `create=true` (makes the tables: for tests and trials) and `objects=s3:BUCKET` or
    `objects=file:FOLDER` for bodies that no item can hold. Each takes `archive=s3:BUCKET/PREFIX` or `archive=file:FOLDER`:
    what is sealed there is read from there.
    """
    if tenant is not None:
        check_tenant(tenant)
    scheme, colon, rest = url.partition(":")
    opener = _SCHEMES.get(scheme)
    if not colon or opener is None:
        raise ConfigError(f"{url!r} names no store: use sqlite:PATH, as sqlite:bank.db, dynamodb:NAME, or memory:.")
    place, _, query = rest.partition("?")
    options = _options(url, query)
    archive = options.pop("archive", None)
    if archive is None:
        return opener(place, options, tenant or "")
    from leftfold.archive.log import spanning

    objects = open_objects(archive, region=options.get("region"), option="archive")
    return spanning(opener(place, options, tenant or ""), objects)


def refuse_emptied(backend: Backend) -> None:
    """Raise IntegrityError, with the backend closed, where the store is empty and the archive that it has is not."""
    refuse = getattr(backend.log, "refuse_emptied", None)  # by name: who has no archive need not load how one is read
    if refuse is None:
        return
    try:
        refuse()
    except LeftfoldError:
        backend.close()
        raise


def open_sequencers(url: str) -> Sequencers:
    """What places the commits of all tenants of a `dynamodb:` store in their logs, in a process that hears of them."""
    from leftfold.adapters.dynamodb import open_sequencers as opened

    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    if scheme != "dynamodb" or not place:
        raise ConfigError(f"{scheme}: places what is appended by itself: only dynamodb:NAME has a sequencer.")
    options = _options(url, query)
    for elsewhere in ("objects", "archive"):  # what stands there stays there
        options.pop(elsewhere, None)
    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    prefix, create = options.pop("prefix", ""), _choice(options, "create", ("false", "true")) == "true"
    _done(options)
    return opened(place, region=region, endpoint=endpoint, prefix=prefix, create=create)


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


def open_objects(url: str, *, region: str | None = None, option: str = "objects") -> Objects:
    """The object store that a URL names: `s3:BUCKET/PREFIX`, or `file:FOLDER`."""
    scheme, _, place = url.partition(":")
    if scheme in ("s3", "file") and place.startswith("//") and (scheme == "s3" or place[2:3] != "/"):
        raise ConfigError(f"{option}={url!r}: write it without slashes before the name: {scheme}:{place[2:]}.")
    if scheme == "s3" and place.partition("/")[0]:
        from leftfold.adapters.s3 import open_bucket

        bucket, _, prefix = place.partition("/")
        return open_bucket(bucket, prefix=prefix, region=region)
    if scheme == "file" and place:
        from leftfold.adapters.folder import Folder

        return Folder(Path(place))
    raise ConfigError(f"{option}={url!r} names no object store: use s3:BUCKET, s3:BUCKET/PREFIX or file:FOLDER.")


def open_publisher(url: str) -> Publisher:
    """The publisher that a URL names: `eventbridge:BUS`, `eventbridgev2:BUS` or `kinesis:STREAM`.

    All take `region`, `endpoint`, and `objects=s3:BUCKET/PREFIX` for bodies over the limit, which `inline=BYTES` lowers.
    `kinesis:` takes `aggregate=true`, which packs a stream's messages into one record (KPL).
    """
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    opener = _PUBLISHERS.get(scheme)
    if opener is None or not place:
        raise ConfigError(
            f"to={url!r} names no publisher: use eventbridge:BUS, eventbridgev2:BUS or kinesis:STREAM, or pass a Publisher."
        )
    return opener(place, _options(url, query))


def open_alarms(url: str) -> Alarms:
    """The alarms that a URL names: `sqs:QUEUE`, a queue's name or URL, for what is due within 15 minutes.

    With `role=ARN` and `target=ARN` (the queue's own, or the function's) what is due later gets a schedule of EventBridge
    Scheduler, in the schedule group `group`; without them it is left to the sweep. Takes `region` and `endpoint`.
    """
    from leftfold.adapters.alarms import open_rings

    scheme, _, rest = url.partition(":")
    queue, _, query = rest.partition("?")
    if scheme != "sqs" or not queue:
        raise ConfigError(f"alarms={url!r} names no alarms: use sqs:QUEUE, or pass Alarms.")
    options = _options(url, query)
    role, target, group = options.pop("role", None), options.pop("target", None), options.pop("group", "default")
    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    _done(options)
    return open_rings(queue, role=role, target=target, group=group, region=region, endpoint=endpoint)


def open_machines(url: str) -> Machines:
    """What runs workflows that a URL names: `states:ARN_PREFIX`, what the ARNs of its state machines begin with.

    As `states:arn:aws:states:eu-west-1:123456789012:stateMachine:bank-`: a machine is called by its workflow and version
    behind that. Takes `region`, else the ARN's, and `endpoint`.
    """
    from leftfold.adapters.stepfunctions import open_states

    scheme, _, rest = url.partition(":")
    prefix, _, query = rest.partition("?")
    if scheme != "states" or ":stateMachine:" not in prefix:
        raise ConfigError(f"workflows={url!r} names no state machines: use states:arn:...:stateMachine:PREFIX.")
    options = _options(url, query)
    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    _done(options)
    return open_states(prefix, region=region or prefix.split(":")[3] or None, endpoint=endpoint)


def open_executions(url: str, *, option: str) -> Executions:
    """The state machine that `states:ARN` names, for who starts and watches it by hand. Takes `region` and `endpoint`."""
    from leftfold.adapters.executions import open_machine

    scheme, _, rest = url.partition(":")
    machine, _, query = rest.partition("?")
    if scheme != "states" or ":stateMachine:" not in machine:
        raise ConfigError(f"{option}={url!r} names no state machine: use states:arn:...:stateMachine:NAME.")
    options = _options(url, query)
    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    _done(options)
    return open_machine(machine, region=region or machine.split(":")[3] or None, endpoint=endpoint)


def _claims(options: dict[str, str], region: str | None) -> Claims | None:
    """Where large bodies go, and the URI that consumers know it by."""
    objects = options.pop("objects", None)
    if objects is None:
        return None
    scheme, _, place = objects.partition(":")
    base = f"s3://{place}" if scheme == "s3" else objects
    return Claims(open_objects(objects, region=region), base.rstrip("/"))


def _inline(options: dict[str, str]) -> int | None:
    inline = options.pop("inline", None)
    if inline is not None and not (inline.isdecimal() and int(inline)):
        raise ConfigError(f"inline={inline!r} is no number of bytes.")
    return None if inline is None else int(inline)


def _eventbridge(place: str, options: dict[str, str]) -> Publisher:
    from leftfold.adapters.eventbridge import open_bus

    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    claims, inline = _claims(options, region), _inline(options)
    _done(options)
    return open_bus(place, region=region, endpoint=endpoint, claims=claims, inline=inline)


def _eventbridgev2(place: str, options: dict[str, str]) -> Publisher:
    from leftfold.adapters.eventbridgev2 import open_bus

    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    claims, inline = _claims(options, region), _inline(options)
    _done(options)
    return open_bus(place, region=region, endpoint=endpoint, claims=claims, inline=inline)


def _kinesis(place: str, options: dict[str, str]) -> Publisher:
    from leftfold.adapters.kinesis import open_stream

    region, endpoint = options.pop("region", None), options.pop("endpoint", None)
    aggregate = _choice(options, "aggregate", ("false", "true")) == "true"
    claims, inline = _claims(options, region), _inline(options)
    _done(options)
    return open_stream(place, region=region, endpoint=endpoint, claims=claims, inline=inline, aggregate=aggregate)


_PUBLISHERS: dict[str, Callable[[str, dict[str, str]], Publisher]] = {
    "eventbridge": _eventbridge,
    "eventbridgev2": _eventbridgev2,
    "kinesis": _kinesis,
}

_SCHEMES: dict[str, Callable[[str, dict[str, str], str], Backend]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "dynamodb": _dynamodb,
}
