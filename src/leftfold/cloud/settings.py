"""The settings of one deployment, as a JSON or TOML file says them. What isn't said has the default that is written here."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, Literal, cast, get_args

import msgspec
from msgspec import Struct, field

from leftfold.archive.writer import MAX_KEEP_DAYS
from leftfold.core.errors import BadKey, ConfigError
from leftfold.core.streams import check_tenant

LOG_DAYS: Final = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
MOST_MEMORY_MB: Final = 10_240  # of a function (Lambda quotas)
MOST_TIMEOUT_S: Final = 900  # of a function (Lambda quotas)
MOST_BATCH: Final = 10_000  # records of one call from Kinesis (Lambda API reference)
MOST_PARALLEL: Final = 10  # calls of one shard at once (Lambda API reference)
COLDER_DAYS: Final = 30  # before that S3 moves nothing to STANDARD_IA, or on from there
ENV_CHARS: Final = 16  # of an environment's name: it leads every physical name, and those have 64 characters

Pythons = Literal["3.11", "3.12", "3.13", "3.14"]

RESERVED: Final = {  # of a function's variables (Lambda developer guide)
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE"),
    *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
}
ENVIRONMENT_BYTES: Final = 3072  # of one's own variables: a function has 4 KB (Lambda quotas), and ours take up to 1
TAGS: Final = 48  # of one's own: a resource has 50 (tag editor user guide), of which two are leftfold's
TAG_KEY_CHARS: Final = 128
TAG_VALUE_CHARS: Final = 256

_ENV = re.compile(r"[a-z][a-z0-9-]*\Z")
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)\Z|cron\([^()]+\)\Z")
_SLOW = re.compile(r"rate\((\d+) (minute|hour|day)s?\)\Z")
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 1440}
_VARIABLE = re.compile(r"[A-Za-z]\w+\Z", re.ASCII)
_TAG = re.compile(r"[\w\s.:/=+\-@]*\Z")
_HANDLER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:\d*:.+\Z")


class OfFunction(Struct, frozen=True, forbid_unknown_fields=True):
    """One function. `handler` is a function of your own in place of the generated one, as `handlers.handle_command`."""

    memory_mb: int = 512
    timeout_s: int = 60
    concurrency: int | None = None
    handler: str | None = None
    environment: dict[str, str] = {}


class Api(Struct, frozen=True, forbid_unknown_fields=True):
    """How commands and queries are called from outside. A JWT needs `issuer` and `audience`."""

    kind: Literal["function-url", "http-api", "none"] = "function-url"
    auth: Literal["iam", "jwt"] = "iam"
    issuer: str = ""
    audience: tuple[str, ...] = ()
    tenant_claim: str = ""
    actor_claim: str = ""


class Archive(Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed segments in S3. Nobody can delete one for `keep_days` in the mode COMPLIANCE, whoever it is."""

    on: bool = True
    keep_days: int | None = None
    mode: Literal["COMPLIANCE", "GOVERNANCE"] = "COMPLIANCE"
    colder_after_days: int = 90
    coldest_after_days: int = 365
    every: str = "rate(5 minutes)"


class Alarms(Struct, frozen=True, forbid_unknown_fields=True):
    """When to say that something is wrong. `topic` is the ARN of an SNS topic, and a parameter of the stack besides."""

    topic: str = ""
    lag_s: int = 300
    unplaced_s: int = 60
    pull_age_s: int = 600
    iterator_age_s: int = 300
    late_timers_s: int = 600


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """A Kinesis stream that an ingest reads: made by the stack, unless `arn` names one that is there."""

    arn: str = ""
    batch: int = 500
    parallel: int = 1


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """A bus or stream that the app publishes to: made by the stack, unless it is there already."""

    make: bool = True


class Inbound(Struct, frozen=True, forbid_unknown_fields=True):
    """Events of others: from a bus by a rule's pattern, through a queue, to a handler that `inbound(app, ...)` made."""

    handler: str
    pattern: dict[str, Any]
    bus: str = "default"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """A deployment. `tenants` are all that there are, none for an app without; `any` where they come and go, and no role
    can be kept to some. `overrides` are laid on the finished resources, by logical id.
    """

    env: str = "prod"
    python: Pythons = "3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"
    tags: dict[str, str] = {}
    tenants: tuple[str, ...] | Literal["any"] = ()
    log_days: int = 90
    kms: bool = False
    publisher_wakes: Literal["log", "schedule"] | None = None
    workflows: Literal["native", "states"] = "states"
    replayer: bool = True
    functions: dict[str, OfFunction] = {}
    api: Api = Api()
    archive: Archive = Archive()
    alarms: Alarms = Alarms()
    ingest: dict[str, Source] = {}
    publish: dict[str, Target] = {}
    inbound: dict[str, Inbound] = {}
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    @property
    def fixed(self) -> tuple[str, ...]:
        """The tenants that are named."""
        return () if isinstance(self.tenants, str) else self.tenants

    @property
    def several(self) -> bool:
        """Whether a request or a record must say whose it is."""
        return self.tenants == "any" or len(self.tenants) > 1


DEFAULTS: Final = Settings()


def read_settings(text: str, *, kind: Literal["json", "toml"], where: str = "the settings") -> Settings:
    """The settings in a file. Raises ConfigError that names the place, what is wrong there, and what would be right."""
    try:
        raw: Any = json.loads(text) if kind == "json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: no {kind.upper()}: {error}.") from error
    return settings(raw, where=where)


def settings(raw: Any, *, where: str = "the settings") -> Settings:
    """Settings from plain data."""
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: an object of settings is needed, not {type(raw).__name__}.")
    _check_known(cast("dict[str, Any]", raw), Settings, where, "")
    try:
        read = msgspec.convert(raw, Settings)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise ConfigError(f"{where}: {error}.") from error
    return check_settings(read, where=where)


def _check_known(raw: dict[str, Any], cls: type[Struct], where: str, path: str) -> None:
    """Refuse a key that is none, with the one that may have been meant."""
    fields = {one.name: one.type for one in msgspec.structs.fields(cls)}
    for key, value in raw.items():
        place = f"{path}.{key}" if path else key
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}."
            raise ConfigError(f"{where}: {place} is no setting; {hint}")
        inner = fields[key]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Struct):
            _check_known(cast("dict[str, Any]", value), inner, where, place)
        elif isinstance(value, dict) and (of := _struct_in(inner)) is not None:
            for name, one in cast("dict[str, Any]", value).items():
                if isinstance(one, dict):
                    _check_known(cast("dict[str, Any]", one), of, where, f"{place}.{name}")


def _struct_in(annotation: Any) -> type[Struct] | None:
    """The Struct in `dict[str, X]`."""
    inside = get_args(annotation)
    found = inside[1] if len(inside) == 2 else None
    return found if isinstance(found, type) and issubclass(found, Struct) else None


def check_settings(read: Settings, *, where: str = "the settings") -> Settings:
    """The settings, if their values can be. Raises ConfigError with the place and what would be right."""
    for place, why in (*_wrong(read), *_wrong_values(read)):
        raise ConfigError(f"{where}: {place}: {why}")
    return read


def _wrong(read: Settings) -> Iterator[tuple[str, str]]:
    if not _ENV.match(read.env) or len(read.env) > ENV_CHARS:
        yield "env", f"{read.env!r}: lower-case letters, digits and '-', a letter first, at most {ENV_CHARS}."
    if read.log_days not in LOG_DAYS:
        near = min(LOG_DAYS, key=lambda days: abs(days - read.log_days))
        yield (
            "log_days",
            f"CloudWatch keeps logs for certain numbers of days; {near} is the nearest to {read.log_days}.",
        )
    yield from _wrong_tags(read.tags)
    for tenant in read.fixed:
        try:
            check_tenant(tenant)
        except BadKey as error:
            yield "tenants", str(error)
        if "|" in tenant or "*" in tenant or "?" in tenant or "$" in tenant:
            yield "tenants", f"{tenant!r}: `|`, `*`, `?` and `$` mean something in a policy."
    if len(set(read.fixed)) != len(read.fixed):
        yield "tenants", "one is named twice."
    for name, one in read.functions.items():
        yield from ((f"functions.{name}.{place}", why) for place, why in _wrong_function(one))
    yield from _wrong_api(read.api)
    yield from _wrong_archive(read.archive)
    if read.alarms.topic and not (_ARN.match(read.alarms.topic) and read.alarms.topic.split(":")[2] == "sns"):
        yield "alarms.topic", f"{read.alarms.topic!r} is no ARN of an SNS topic."
    for name, source in read.ingest.items():
        if source.arn and not (_ARN.match(source.arn) and source.arn.split(":")[2] == "kinesis"):
            yield f"ingest.{name}.arn", f"{source.arn!r} is no ARN of a Kinesis stream."
        if not 1 <= source.batch <= MOST_BATCH:
            yield f"ingest.{name}.batch", f"1 to {MOST_BATCH}, not {source.batch}."
        if not 1 <= source.parallel <= MOST_PARALLEL:
            yield f"ingest.{name}.parallel", f"1 to {MOST_PARALLEL}, not {source.parallel}."
    for name, inbound in read.inbound.items():
        if not _NAME.match(name):
            yield f"inbound.{name}", "lower-case letters, digits and '_', a letter first."
        yield from ((f"inbound.{name}.{place}", why) for place, why in _wrong_inbound(inbound))


def _wrong_values(read: Settings) -> Iterator[tuple[str, str]]:
    """What goes into templates as it is must be JSON: TOML has dates, and JSON as Python reads it what is no number."""
    given: dict[str, Any] = {f"overrides.{name}": told for name, told in read.overrides.items()}
    given |= {f"inbound.{name}.pattern": one.pattern for name, one in read.inbound.items()}
    for place, value in given.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            yield place, f"{error}."
    for name, seconds in msgspec.structs.asdict(read.alarms).items():
        if name != "topic" and seconds < 1:
            yield f"alarms.{name}", f"at least 1, not {seconds}."


def _wrong_inbound(inbound: Inbound) -> Iterator[tuple[str, str]]:
    if not _HANDLER.match(inbound.handler):
        yield "handler", f"{inbound.handler!r} is not module.function, as handlers.from_orders."
    if not inbound.pattern:
        yield "pattern", "an empty pattern takes every event of the bus: name what is meant."
    if not inbound.bus:
        yield "bus", "a bus has a name; `default` is the account's own."
    yield from _wrong_pattern(inbound.pattern, "pattern")


def _wrong_pattern(pattern: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in pattern.items():
        if isinstance(value, dict):
            yield from _wrong_pattern(cast("dict[str, Any]", value), f"{place}.{name}")
        elif not isinstance(value, list) or not value:
            yield f"{place}.{name}", f'a list of what may stand there, as ["orders"], not {value!r}.'


def _wrong_tags(tags: dict[str, str]) -> Iterator[tuple[str, str]]:
    if len(tags) > TAGS:
        yield "tags", f"at most {TAGS}, not {len(tags)}."
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            yield f"tags.{key}", "`aws:` is Amazon's own."
        if not (0 < len(key) <= TAG_KEY_CHARS and len(value) <= TAG_VALUE_CHARS and _TAG.match(key + value)):
            yield (
                f"tags.{key}",
                f"letters, digits, spaces and _.:/=+-@, {TAG_KEY_CHARS} of a key, {TAG_VALUE_CHARS} of a value.",
            )


def _wrong_function(one: OfFunction) -> Iterator[tuple[str, str]]:
    if not 128 <= one.memory_mb <= MOST_MEMORY_MB:
        yield "memory_mb", f"128 to {MOST_MEMORY_MB}, not {one.memory_mb}."
    if not 1 <= one.timeout_s <= MOST_TIMEOUT_S:
        yield "timeout_s", f"1 to {MOST_TIMEOUT_S}, not {one.timeout_s}."
    if one.concurrency is not None and one.concurrency < 1:
        yield "concurrency", f"at least 1, not {one.concurrency}: a function that may not run holds up all behind it."
    if one.handler is not None and not _HANDLER.match(one.handler):
        yield "handler", f"{one.handler!r} is not module.function, as handlers.handle_command."
    if sum(len(name.encode()) + len(value.encode()) for name, value in one.environment.items()) > ENVIRONMENT_BYTES:
        yield "environment", f"over {ENVIRONMENT_BYTES:,} bytes: Lambda takes 4 KB, with leftfold's own."
    for name in one.environment:
        if name in RESERVED:
            yield f"environment.{name}", "is Lambda's own."
        elif not _VARIABLE.match(name):
            yield f"environment.{name}", "letters, digits and '_', a letter first, at least two."


def _wrong_api(api: Api) -> Iterator[tuple[str, str]]:
    if api.auth == "jwt" and not (api.kind == "http-api" and api.issuer and api.audience):
        yield "api.auth", "jwt needs kind = http-api, an issuer and an audience."
    if api.issuer and not api.issuer.startswith("https://"):
        yield "api.issuer", f"{api.issuer!r}: an issuer is a URL with https."


def _wrong_archive(archive: Archive) -> Iterator[tuple[str, str]]:
    if not _RATE.match(archive.every):
        yield "archive.every", f"{archive.every!r} is no rate(5 minutes) and no cron(...)."
    if (slow := _SLOW.match(archive.every)) and int(slow[1]) * _MINUTES[slow[2]] > _MINUTES["day"]:
        yield "archive.every", "at least once a day: an alarm says when it stands still for one."
    if archive.keep_days is not None and not 1 <= archive.keep_days <= MAX_KEEP_DAYS:
        yield "archive.keep_days", f"1 to {MAX_KEEP_DAYS:,}; leave it out to lock nothing."
    if archive.colder_after_days < COLDER_DAYS:
        yield "archive.colder_after_days", f"at least {COLDER_DAYS}, not {archive.colder_after_days}."
    if archive.coldest_after_days < archive.colder_after_days + COLDER_DAYS:
        yield (
            "archive.coldest_after_days",
            f"at least {COLDER_DAYS} more than colder_after_days: S3 keeps a class so long.",
        )
