"""What an app needs on AWS: its functions, what wakes them, and what they write to. Everything else is drawn from here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, cast
from urllib.parse import parse_qsl

from msgspec import Struct

from leftfold.cloud.settings import Inbound, OfFunction, Settings, Source, Target
from leftfold.cloud.template import Json, camel, check_distinct, imported, short
from leftfold.core.errors import ConfigError
from leftfold.ports.machines import machine_name

# fmt: off
Kind = Literal[
    "commands", "queries", "sequencer", "projector", "reactor", "publisher",
    "ingest", "inbound", "archiver", "timers", "tasks", "replayer",
]
# fmt: on
How = Literal["call", "stream", "records", "queue", "schedule", "write", "publish", "start"]

DEFAULTS: Final = {
    "tasks": OfFunction(timeout_s=300),  # a step may call a slow service
    "replayer": OfFunction(memory_mb=1769, timeout_s=900),  # a whole core (Lambda developer guide), and all the time
    "archiver": OfFunction(memory_mb=1024, timeout_s=300),  # it compresses and hashes what it seals
}
MACHINE_CHARS: Final = 80  # of a state machine's name (Step Functions quotas)
READERS: Final = 2  # of one shard of a table's stream, at the most (DynamoDB developer guide)


class Function(Struct, frozen=True):
    """One Lambda function. `of` is the ingest or the inbound that it serves, where an app may have several."""

    kind: Kind
    of: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.of}" if self.of else self.kind

    @property
    def id(self) -> str:
        return camel(self.name)


class Channel(Struct, frozen=True):
    """Where the app publishes: a bus or a stream by its name or ARN, and the region that its URL says."""

    scheme: Literal["eventbridge", "eventbridgev2", "kinesis"]
    place: str
    made: bool
    region: str = ""
    claims: str = ""

    @property
    def name(self) -> str:
        return f"{self.scheme}:{self.place}"

    @property
    def id(self) -> str:
        return camel("bus" if self.scheme != "kinesis" else "stream", *self.place.split(":"))


class Edge(Struct, frozen=True):
    """`source` does this to `target`: wakes it, or writes to it."""

    source: str
    target: str
    how: How


class Graph(Struct, frozen=True):
    """One deployment of one app. `model` is what `app.describe()` says."""

    model: Json
    settings: Settings
    functions: tuple[Function, ...]
    channels: tuple[Channel, ...]
    edges: tuple[Edge, ...]

    @property
    def app(self) -> str:
        return str(self.model["app"])

    @property
    def name(self) -> str:
        """What every physical name begins with, and every export."""
        return f"{self.settings.env}-{self.app}"

    @property
    def has_runs(self) -> bool:
        """Whether anything has timers: processes, workflows."""
        return bool(self.model["processes"] or self.model["workflows"])

    @property
    def tables(self) -> dict[str, str]:
        return {kind: f"{self.name}-{kind}" for kind in ("events", "log", "views")}

    def stack(self, which: str) -> str:
        """The name of the stack `stateful` or `stateless`: letters, digits and `-`."""
        return f"{self.name}-{which}".replace("_", "-")

    def physical(self, *names: str) -> str:
        return short("-".join((self.name, *names)))

    @property
    def group(self) -> str:
        """Of the schedules that ring for timers."""
        return short(self.name)

    def export(self, what: str) -> str:
        """The name of an export, which has letters, digits, `-` and `:` alone."""
        return f"{self.name}-{what}".replace("_", "-")

    def imported(self, what: str) -> Json:
        return imported(self.export(what))

    def of(self, function: Function) -> OfFunction:
        """The settings of a function: its own, those of its kind, or the defaults."""
        known = self.settings.functions
        return known.get(function.name) or known.get(function.kind) or DEFAULTS.get(function.kind, OfFunction())

    @property
    def machines(self) -> str:
        """What the names of the state machines begin with."""
        return f"{self.name}-"

    def woken(self, function: Function, how: How) -> list[str]:
        return [edge.source for edge in self.edges if edge.target == function.name and edge.how == how]

    def source(self, ingest: str) -> Source:
        return self.settings.ingest.get(ingest, Source())

    def inbound(self, name: str) -> Inbound:
        return self.settings.inbound[name]


def graph(model: Mapping[str, Any], settings: Settings) -> Graph:
    """What this app needs under these settings. Raises ConfigError for settings of things that it doesn't have."""
    model = dict(model)
    functions = tuple(_functions(model, settings))
    channels = tuple(_channel(one, settings) for one in model["destinations"] if one["url"])
    _check(model, settings, functions)
    named: list[Function | Channel] = [*functions, *channels]
    check_distinct((one.id, one.name) for one in named)
    check_distinct((camel(name), name) for name in machines(model))
    return Graph(model, settings, functions, channels, tuple(_edges(model, settings, functions, channels)))


def _functions(model: Json, settings: Settings) -> Iterator[Function]:
    runs = bool(model["processes"] or model["workflows"])
    if model["deciders"] or model["workflows"]:
        yield Function("commands")
    yield Function("queries")
    yield Function("sequencer")
    if model["views"]:
        yield Function("projector")
    if model["reactions"] or runs:
        yield Function("reactor")
    if model["destinations"]:
        yield Function("publisher")
    yield from (Function("ingest", one["name"]) for one in model["ingest"])
    yield from (Function("inbound", name) for name in sorted(settings.inbound))
    if settings.archive.on:
        yield Function("archiver")
    if runs:
        yield Function("timers")
    if model["workflows"] and settings.workflows == "states":
        yield Function("tasks")
    if model["views"] and settings.archive.on and settings.replayer:
        yield Function("replayer")


def _channel(destination: Json, settings: Settings) -> Channel:
    scheme, _, rest = str(destination["url"]).partition(":")
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    asked = settings.publish.get(destination["name"], Target())
    elsewhere = place.startswith("arn:") or place == "default" or "region" in options or "endpoint" in options
    return Channel(
        cast(Any, scheme),
        place,
        made=asked.make and not elsewhere,
        region=options.get("region", ""),
        claims=options.get("objects", ""),
    )


def _edges(
    model: Json, settings: Settings, functions: tuple[Function, ...], channels: tuple[Channel, ...]
) -> Iterator[Edge]:
    """In the order in which a command and its events travel."""
    names = {one.name for one in functions}
    for name in ("commands", "queries"):
        if name in names and settings.api.kind != "none":
            yield Edge("callers", name, "call")
    for one in functions:
        if one.kind == "ingest":
            yield Edge(f"records of {one.of}", one.name, "records")
        if one.kind in ("inbound", "timers"):
            yield Edge(f"queue {one.name}", one.name, "queue")
        if one.kind in ("commands", "ingest", "inbound", "reactor", "timers", "tasks"):
            yield Edge(one.name, "events", "write")
    yield Edge("events", "sequencer", "stream")
    yield Edge("sequencer", "log", "write")
    for name in by_stream(model, settings, names):
        yield Edge("log", name, "stream")
    if "projector" in names:
        yield Edge("projector", "views", "write")
    yield from (Edge("publisher", one.name, "publish") for one in channels)
    if "archiver" in names:
        yield Edge("archiver", "archive", "write")
    for machine in [one for one in machines(model) if "tasks" in names]:
        yield Edge("reactor", f"machine {machine}", "start")
        yield Edge(f"machine {machine}", "tasks", "call")
    if "replayer" in names:
        yield Edge("machine replay", "replayer", "call")
        yield Edge("replayer", "views", "write")
    for name in ("sequencer", "projector", "reactor", "publisher", "archiver", "timers"):
        if name in names:
            yield Edge("schedule", name, "schedule")


def machines(model: Json) -> list[str]:
    """The names of the workflows' state machines, one to a version, behind the deployment's prefix."""
    return [machine_name(one["name"], one["version"]) for one in model["workflows"]]


def by_stream(model: Json, settings: Settings, names: Iterable[str]) -> list[str]:
    """Whom the log's stream wakes. It bears two readers: where there are three, the publisher goes by the minute."""
    followers = [name for name in ("projector", "reactor", "publisher") if name in set(names)]
    wanted = settings.publisher_wakes or ("log" if len(followers) <= READERS else "schedule")
    return [name for name in followers if name != "publisher" or wanted == "log"]


def _check(model: Json, settings: Settings, functions: tuple[Function, ...]) -> None:
    for view in model["views"]:
        if view["kind"] == "sql":
            raise ConfigError(
                f"view {view['name']!r} is a SqlView, which needs SQL: on DynamoDB make it a View, or keep it in an app of "
                "its own on sqlite:."
            )
    for destination in model["destinations"]:
        if destination["url"] is None and destination["name"] not in settings.publish:
            raise ConfigError(
                f"{destination['name']} is a Publisher of your own, whose rights nobody here knows: publish to a URL, or "
                f'say publish."{destination["name"]}" = {{}} in the settings and add the rights by overrides.PublisherRole.'
            )
    if settings.several:
        _check_tenants(settings, functions)
    for name in machines(model):
        if len(f"{settings.env}-{model['app']}-{name}") > MACHINE_CHARS:
            raise ConfigError(
                f"the state machine {settings.env}-{model['app']}-{name} would have a name of over {MACHINE_CHARS} "
                "characters: shorten the workflow's name, the app's or the environment's."
            )
    _check_names("functions", settings.functions, {one.name for one in functions} | {one.kind for one in functions})
    _check_names("ingest", settings.ingest, {one["name"] for one in model["ingest"]})
    _check_names("publish", settings.publish, {one["name"] for one in model["destinations"]})


def _check_tenants(settings: Settings, functions: tuple[Function, ...]) -> None:
    """With several tenants, whoever calls must say whose a request or a record is."""
    for one in functions:
        own = settings.functions.get(one.name) or settings.functions.get(one.kind)
        if own is not None and own.handler is not None:
            continue
        if one.kind in ("commands", "queries") and not settings.api.tenant_claim:
            raise ConfigError(
                f"tenants: how does a request to {one.name} say whose it is? Name the claim, api.tenant_claim, or a handler "
                f"of your own, functions.{one.name}.handler."
            )
        if one.kind == "ingest":
            raise ConfigError(
                f"tenants: how does a record say whose it is? Name a handler of your own, functions.{one.name}.handler, "
                "made by ingest(app, tenant=...)."
            )


def _check_names(what: str, given: Iterable[str], known: set[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}."
            raise ConfigError(f"{what}.{name}: the app has no such thing here; {hint}")
