"""The apps that stacks are drawn of: every example, one that has a bit of everything, one that has next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from leftfold import App, Recorded, Send, View, send
from leftfold.cloud.graph import Graph
from leftfold.cloud.settings import Settings, settings
from leftfold.cloud.synthesis import graph_of, templates
from leftfold.cloud.template import Json
from leftfold.core.processes import Process, Todo
from leftfold.core.workflows import Await, Choice, Parallel, Step, Wait, Workflow
from leftfold.ingest import Ingest
from leftfold.publish import Publish

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
NAMES: Final = {
    "bank": ("bank", "bank:bank"),
    "sensors": ("sensors", "sensors:sensors"),
    "enrolment": ("enrolment", "college:college"),
    "orders": ("orders", "orders:orders"),
}
"""Folder and APP of each example."""


class Add(Struct, frozen=True):
    cents: int


class Added(Struct, frozen=True):
    cents: int


class Reading(Struct, frozen=True):
    door: str
    opened: bool


class Opened(Struct, frozen=True):
    door: str


class Public(Struct, frozen=True):
    cents: int


class Till:
    category, initial = "till", 0

    def decide(self, command: Add, cents: int) -> list[Added]:
        return [Added(command.cents)]

    def evolve(self, cents: int, event: Added) -> int:
        return cents + event.cents


till = Till()


def count(cents: int, event: Added) -> int:
    return cents + event.cents


def echo(event: Recorded[Added]) -> list[Send]:
    return [send(till, "echo", Add(1))] if event.key != "echo" else []


def whose(event: Recorded[Added]) -> str:
    return event.key


def remember(total: int, event: Added) -> int:
    return total + event.cents


def act(total: int, event: Added) -> list[Todo]:
    return []


def public(event: Added) -> Public:
    return Public(event.cents)


def door(reading: Reading) -> str:
    return f"door/{reading.door}"


def opened(reading: Reading) -> Opened | None:
    return Opened(reading.door) if reading.opened else None


def nothing(order: Add) -> None: ...


def size(order: Add) -> str:
    return "large" if order.cents > 100 else "small"


def closing(version: int) -> Workflow[Add]:
    return Workflow(
        "closing",
        data=Add,
        steps=[
            Step("count", do=nothing, undo=nothing, timeout_s=30),
            Parallel("both", branches=[[Step("lock", do=nothing)], [Wait("settle", for_s=60)]]),
            Choice("how", by=size, branches={"large": [Await("approval", answer=Add, timeout_s=3600)], "small": []}),
        ],
        version=version,
    )


everything = App(
    "everything",
    deciders=[till],
    views=[View("sums", initial=0, evolve=count), View("sums", initial=0, evolve=count, version=2)],
    reactions=[echo],
    processes=[Process("watch", initial=0, correlate=whose, evolve=remember, react=act)],
    workflows=[closing(1), closing(2)],
    ingest=[Ingest("doors", decode=Reading, stream=door, to=opened)],
    publish=[
        Publish(Added, to="eventbridge:ledger", as_=public),
        Publish(Added, to="eventbridgev2:ledger-fifo", as_=public),
        Publish(Added, to="kinesis:feed?aggregate=true&objects=s3:claims-of-ours/feed", as_=public),
        Publish(Added, to="kinesis:theirs?region=eu-west-1", as_=public),
    ],
)
least = App("least", deciders=[till])


@cache
def example(name: str) -> App:
    folder, reference = NAMES[name]
    if str(EXAMPLES / folder) not in sys.path:
        sys.path.append(str(EXAMPLES / folder))
    module, _, attribute = reference.partition(":")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, App)
    return found


APPS: Final[dict[str, Callable[[], App]]] = {
    **{name: (lambda name=name: example(name)) for name in NAMES},  # type: ignore[misc]
    "everything": lambda: everything,
    "least": lambda: least,
}

INBOUND: Final = {"handler": "handlers.from_shop", "pattern": {"source": ["shop"]}, "bus": "shop"}
JWT: Final = {
    "kind": "http-api",
    "auth": "jwt",
    "issuer": "https://id.example.com/",
    "audience": ["leftfold"],
    "tenant_claim": "custom:tenant",
    "actor_claim": "sub",
}
VARIANTS: Final[dict[str, Json]] = {
    "as it comes": {},
    "one tenant": {
        "tenants": ["acme"],
        "env": "staging",
        "log_days": 30,
        "tags": {"team": "tills"},
        "kms": True,
        "archive": {"keep_days": 2555},
        "inbound": {"shop": INBOUND, "bills": {"handler": "handlers.bills", "pattern": {"source": ["b"]}}},
    },
    "tenants by JWT": {"tenants": ["acme", "zoo"], "api": JWT, "functions": {"ingest": {"handler": "mine.take"}}},
    "any tenant": {
        "tenants": "any",
        "api": {"kind": "http-api", "tenant_claim": "tenant"},
        "python": "3.12",
        "architecture": "x86_64",
        "publisher_wakes": "log",
        "archive": {"keep_days": 30, "mode": "GOVERNANCE", "every": "rate(1 hour)"},
        "functions": {"ingest": {"handler": "mine.take"}, "commands": {"concurrency": 20, "memory_mb": 1024}},
    },
    "inside": {"api": {"kind": "none"}, "archive": {"on": False}, "workflows": "native"},
}
"""Settings that change what is drawn. What only the app with an ingest has is left out for the others."""


def variant(app: App, name: str) -> Settings:
    raw: dict[str, Any] = dict(VARIANTS[name])
    if not app.ingest:
        raw["functions"] = {of: told for of, told in raw.get("functions", {}).items() if of != "ingest"}
    return settings(raw)


def drawn(app: App, given: Settings) -> tuple[Graph, dict[str, Json]]:
    graph = graph_of(app, given)
    return graph, templates(graph, app)


CASES: Final = [
    *((name, "as it comes") for name in APPS),
    *(("everything", name) for name in VARIANTS if name != "as it comes"),
]
"""App and settings."""
