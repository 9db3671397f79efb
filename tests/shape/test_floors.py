"""Imports go strictly down, rooms of one floor don't know each other, and the core touches nothing but values."""

import ast
import sys

import pytest

from tests.shape import sources
from tests.shape.imports import called, imports_of

FLOORS = (
    ("core",),
    ("ports",),
    ("codec", "audit", "telemetry", "fit"),
    ("handling", "subscriptions"),
    ("projections", "processes", "workflows", "publish", "archive"),
    (
        *(
            "app",
            "session",
            "category",
            "operations",
            "copying",
            "explain",
            "delivering",
            "tracing",
            "check",
            "loops",
            "dcb",
        ),
        *("requests", "aside", "ingest", "inbox", "replaying", "timers", "describing", "workflow", "measuring"),
    ),
    ("adapters",),
    ("connect", "aio", "lambdas", "http"),
    ("cloud", "testing"),
    ("cli", "console", "__main__"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ONE_STOREY = 5  # the modules of this floor are one room: an app, its session and what a session offers
ADAPTERS = FLOOR["adapters"]
ADAPTERS_SEE = 2
SHARED = ("adapters", "boto")  # clients and errors of botocore: the adapters of AWS stand on it
FRONT_DOOR = 7  # what `leftfold` itself counts as, for those who import it from inside

# The ways up, each with its reason. A way that nobody takes any more is a fault too.
STAIRS = {
    ("leftfold.app", "connect"): "App.open(url) is the user's way to the one place that picks adapters",
    ("leftfold.inbox.taking", "connect"): "Inbox(url) is the same way, for a service that has no app of ours",
    ("leftfold.lambdas.container", "connect"): "a handler's place for bad records, or its archive, is named by a URL",
    ("leftfold.lambdas.sequencer", "connect"): "the sequencer opens every tenant's tables, and no app",
}

# Libraries by the rooms that may import them; the floors below know none of it.
LIBRARIES = {
    "msgspec": set(FLOOR),
    "click": {"cli"},
    "rich": {"cli"},
    "yaml": {"fit"},
    "pytest": {"testing"},
    "hypothesis": {"testing"},
    "boto3": {"adapters"},
    "botocore": {"adapters"},
    "psycopg": {"adapters"},
    "pyarrow": {"adapters"},
    "opentelemetry": {"adapters"},
    "cryptography": {"adapters", "codec", "audit"},
    "starlette": {"http", "console"},
    "uvicorn": {"cli"},
    "mangum": {"lambdas"},
    "snapshot_restore_py": {"lambdas"},  # Lambda's own, for SnapStart
}

IMPURE_MODULES = {
    *("time", "os", "random", "logging", "secrets", "socket", "ssl", "sqlite3", "asyncio", "threading"),
    *("subprocess", "multiprocessing", "tempfile", "shutil", "signal", "urllib", "http", "io", "pathlib"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "time", "monotonic", "uuid1", "uuid4", "open", "print", "input", "getenv"}


def room_of(module: str) -> tuple[str, ...]:
    """("codec",) for leftfold.codec.json; each adapter is a room of its own: ("adapters", "sqlite")."""
    parts = module.split(".")[1:]
    return tuple(parts[:2] if parts[:1] == ["adapters"] else parts[:1])


def floor_faults(source: str, module: str, *, package: bool = False) -> list[str]:
    """What `module` imports and must not, each with its line and the rule it breaks."""
    if module == "leftfold":
        return []
    room = room_of(module)
    if room[0] not in FLOOR:
        return [f"{module}: {room[0]!r} has no floor; give it one in FLOORS"]
    return [
        f"{module}:{line}: imports {target}: {why}"
        for line, target in imports_of(source, module, package=package)
        if (why := _why_not(module, room, target))
    ]


def _why_not(module: str, room: tuple[str, ...], target: str) -> str | None:
    top = target.split(".")[0]
    if top != "leftfold":
        known = top in sys.stdlib_module_names or room[0] in LIBRARIES.get(top, ())
        return None if known else f"LIBRARIES doesn't give {top} to {room[0]}"
    theirs = room_of(target)
    mine = FLOOR[room[0]]
    if (module, theirs[0] if theirs else "") in STAIRS:
        return None
    if not theirs or theirs[0] not in FLOOR:
        return None if mine > FRONT_DOOR else "the front door is for users: import from the room"
    return _between(room, mine, theirs, FLOOR[theirs[0]])


def _between(room: tuple[str, ...], mine: int, theirs_room: tuple[str, ...], theirs: int) -> str | None:
    if room == theirs_room or (mine == theirs == ONE_STOREY) or theirs_room == ("adapters",) == room[:1]:
        return None
    if theirs_room == SHARED and room[0] == "adapters":
        return None
    if mine == ADAPTERS and theirs != ADAPTERS:
        return None if theirs <= ADAPTERS_SEE else f"adapters see floors 0-{ADAPTERS_SEE} only"
    if theirs == mine:
        return f"rooms of floor {mine} don't know each other"
    return None if theirs < mine else f"floor {mine} doesn't see floor {theirs}"


def purity_faults(source: str, module: str) -> list[str]:
    """What reaches for a clock, chance, the environment or the outside: those are inputs of the core."""
    faults = [
        f"{module}:{line}: imports {target}"
        for line, target in imports_of(source, module)
        if target.split(".")[0] in IMPURE_MODULES
    ]
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return faults + [
        f"{module}:{call.lineno}: calls {called(call)}()" for call in calls if called(call) in IMPURE_CALLS
    ]


def test_imports_go_strictly_down() -> None:
    faults = [
        fault
        for module, path in sources().items()
        for fault in floor_faults(path.read_text(), module, package=path.name == "__init__.py")
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_the_core_is_pure() -> None:
    core = {module: path for module, path in sources().items() if room_of(module) == ("core",)}
    faults = [fault for module, path in core.items() for fault in purity_faults(path.read_text(), module)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_way_up_is_taken() -> None:
    texts = {module: path.read_text() for module, path in sources().items()}
    for module, room in STAIRS:
        if module in texts:
            rooms = [
                room_of(target) for _, target in imports_of(texts[module], module) if target.startswith("leftfold.")
            ]
            assert (room,) in rooms, f"nobody takes {module} -> {room}: remove it from STAIRS"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("leftfold.core.events", "from leftfold.ports import store"),
        ("leftfold.core.events", "from ..ports.store import Store"),
        ("leftfold.core.events", "from .. import ports"),
        ("leftfold.core.events", "import leftfold.codec.json as json"),
        ("leftfold.core.events", "def f():\n    from leftfold.handling import decide"),
        ("leftfold.core.events", "if TYPE_CHECKING:\n    from leftfold.session import Session"),
        ("leftfold.core.events", "import importlib\nimportlib.import_module('leftfold.connect')"),
        ("leftfold.core.events", "from leftfold import Recorded"),
        ("leftfold.core.events", "import rich"),
        ("leftfold.core.events", "import numpy"),
        ("leftfold.codec.json", "from leftfold.audit import chain"),
        ("leftfold.handling.decide", "from leftfold.subscriptions.loop import Loop"),
        ("leftfold.app", "from leftfold.adapters.sqlite import store"),
        ("leftfold.session", "import_module(f'leftfold.adapters.{name}')"),
        ("leftfold.session", "from leftfold.connect import connect"),
        ("leftfold.adapters.sqlite.store", "from leftfold.handling.decide import decide"),
        ("leftfold.adapters.sqlite.store", "from leftfold.adapters.memory import store"),
        ("leftfold.adapters.sqlite.store", "from ..memory import store"),
        ("leftfold.connect", "from leftfold.lambdas import commands"),
        ("leftfold.testing.kit", "from leftfold.cli.main import main"),
        ("leftfold.cloud.graph", "import boto3"),
        ("leftfold.helpers", ""),
    ],
)
def test_a_forbidden_import_is_caught(module: str, source: str) -> None:
    assert floor_faults(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("leftfold", "from leftfold.cli.main import main"),
        ("leftfold.core.events", "import typing\nimport msgspec\nfrom .streams import StreamId"),
        ("leftfold.handling.decide", "from leftfold.core.decider import fold\nfrom ..ports.store import Store"),
        ("leftfold.session", "from leftfold.app import App\nfrom .operations import rebuild"),
        ("leftfold.app", "from leftfold.connect import connect"),
        (
            "leftfold.adapters.sqlite.store",
            "import sqlite3\nfrom .rows import Rows\nfrom leftfold.telemetry import spans",
        ),
        ("leftfold.adapters.dynamodb.store", "import boto3"),
        ("leftfold.connect", "from importlib import import_module\nimport_module(f'leftfold.adapters.{scheme}')"),
        ("leftfold.testing.plugin", "import pytest\nfrom leftfold import Recorded"),
        ("leftfold.cli.log", "import click, rich.table\nfrom leftfold import App"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert floor_faults(source, module) == []


def test_a_relative_import_of_a_package_starts_in_it() -> None:
    assert floor_faults("from .decide import handle", "leftfold.handling", package=True) == []
    assert floor_faults("from ..session import Session", "leftfold.handling", package=True)


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import environ",
        "from logging import getLogger",
        "def f():\n    import random",
        "from datetime import datetime\nat = datetime.now()",
        "def f(clock): return clock.time()",
        "import uuid\nid = uuid.uuid4()",
        "text = open('x').read()",
    ],
)
def test_an_impure_core_is_caught(source: str) -> None:
    assert purity_faults(source, "leftfold.core.x")


def test_a_pure_core_passes() -> None:
    source = (
        "from datetime import UTC, datetime\nimport uuid\nid = uuid.uuid5(a, b)\nat = datetime(2020, 1, 1, tzinfo=UTC)"
    )
    assert purity_faults(source, "leftfold.core.x") == []
