"""Our own files: floors 0 to 7, without the adapters that this app on this store can't reach."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import leftfold
from leftfold.app import App
from leftfold.cloud.bundle.modules import tree
from leftfold.core.errors import ConfigError

HERE: Final = Path(leftfold.__file__).parent
LEFT_OUT: Final = {"cli", "cloud", "testing", "console"}  # floors 8 and 9: nobody below knows them
STORES: Final = {"dynamodb": {"dynamodb", "boto"}, "sqlite": {"sqlite"}, "memory": {"memory"}}
ALWAYS: Final = {"s3", "boto"}  # records set aside, large bodies and the archive: named by the function's environment


def adapters_of(app: App, *, store: str, more: Iterable[str] = ()) -> frozenset[str]:
    """The adapters that the app's functions may open on a store of this scheme; `more` are wanted besides.

    Raises ConfigError for a store or an adapter that doesn't exist.
    """
    scheme = store.partition(":")[0]
    if scheme not in STORES:
        raise ConfigError(f"{store!r} names no store: its scheme is one of {', '.join(STORES)}.")
    wanted = ALWAYS | STORES[scheme] | {_of_publisher(one.to) for one in app.destinations.values()} | set(more)
    if getattr(app, "processes", ()) or getattr(app, "workflows", ()):
        wanted |= {"alarms"} & _all()
    if getattr(app, "workflows", ()):
        wanted |= {"stepfunctions"} & _all()
    wanted.discard("")
    if unknown := sorted(wanted - _all()):
        raise ConfigError(f"there is no adapter {unknown[0]!r}: {', '.join(sorted(_all()))}.")
    return frozenset(wanted)


def our_files(adapters: Iterable[str]) -> dict[str, Path]:
    """Names in the zip -> files."""
    kept = set(adapters)
    found: dict[str, Path] = {}
    for path in tree(HERE):
        parts = path.relative_to(HERE).parts
        if parts[0] in LEFT_OUT:
            continue
        if parts[0] == "adapters" and parts[1] != "__init__.py" and parts[1].removesuffix(".py") not in kept:
            continue
        found["/".join(("leftfold", *parts))] = path
    return found


def _all() -> set[str]:
    return {path.name.removesuffix(".py") for path in (HERE / "adapters").iterdir() if not path.name.startswith("__")}


def _of_publisher(to: object) -> str:
    """A URL's scheme; of a publisher that was passed, its room if it is one of ours."""
    if isinstance(to, str):
        return to.partition(":")[0]
    module = type(to).__module__.split(".")
    return module[2] if module[:2] == ["leftfold", "adapters"] else ""
