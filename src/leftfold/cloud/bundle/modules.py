"""The user's own files: what importing the app really loads from the app's folder.

A module takes its file, a module of a package its whole package, data and all, without tests: what is imported only when
a handler runs is then there too. What comes from elsewhere must be named: with --include, or as a requirement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from leftfold.core.errors import ConfigError

IMPORT_WITHIN_S: Final = 120.0  # an app's import has no effects: one that takes longer waits for something

ON_LAMBDA: Final = {
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"),
    *("awslambdaric", "snapshot_restore_py", "simplejson"),
}
"""What each of Lambda's Pythons brings with it."""

NEVER: Final = {"__pycache__", "tests", "test", "conftest.py", "py.typed"}  # nothing of it runs in a function
_INSTALLED: Final = {"site-packages", "dist-packages"}

_PROBE: Final = """\
import importlib, json, sys
folder, out, *names = sys.argv[1:]
sys.path.insert(0, folder)
import leftfold.app, leftfold.session
before = set(sys.modules)
for name in names:
    importlib.import_module(name)
loaded = {}
for each, module in list(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    ours = each.split(".")[0] == "leftfold"
    if (each in before and not ours) or spec is None or each == "__main__":
        continue
    if each.split(".")[0] not in sys.stdlib_module_names and spec.origin not in ("built-in", "frozen"):
        loaded[each] = spec.origin if spec.origin and spec.has_location else None
with open(out, "w") as file:
    json.dump(loaded, file)
"""


class Found(Struct, frozen=True):
    """`files` by their names in the zip; `adapters` of ours that the app imports itself; what must come from elsewhere."""

    files: dict[str, Path]
    adapters: frozenset[str]
    foreign: dict[str, str]


def find_modules(modules: Sequence[str], folder: Path, *, include: Sequence[Path] = ()) -> Found:
    """The files of the app in the first of these modules, and of its handlers in the others, looked for in `folder` first.

    Raises ConfigError where it can't be imported, imports what a bundle leaves out, or an included path isn't there.
    """
    loaded = _loaded(modules, folder)
    root = _root(modules[0], loaded)
    own = {module.split(".")[0] for module in modules}
    files: dict[str, Path] = {}
    foreign: dict[str, str] = {}
    for name, origin in sorted(loaded.items()):
        top = name.split(".")[0]
        if top == "leftfold" or origin is None:
            continue
        path = Path(origin)
        if path.is_relative_to(root) and (top in own or not _INSTALLED & set(path.parts)):
            files |= _of_module(name, path, loaded, root)
        else:
            foreign.setdefault(top, name)
    for given in include:
        files |= _included(given, folder, root)
    return Found(files, _adapters(loaded), {top: name for top, name in foreign.items() if top not in ON_LAMBDA})


def missing(found: Found, names: Mapping[str, object]) -> list[str]:
    """Which modules the app imports and a zip of these names doesn't hold."""
    tops = {name.split("/")[0].removesuffix(".py").split(".")[0] for name in names}
    return sorted(name for top, name in found.foreign.items() if top not in tops)


def _loaded(modules: Sequence[str], folder: Path) -> dict[str, str | None]:
    """In a process of its own: this one may have loaded more, or other modules of these names."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "loaded.json")
        command = [sys.executable, "-c", _PROBE, str(folder), str(out), *modules]
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=IMPORT_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            raise ConfigError(
                f"importing {modules[0]} took over {IMPORT_WITHIN_S:g} s: nothing should be done there."
            ) from error
        if run.returncode:
            why = run.stderr.strip().splitlines()[-1:] or [f"exit code {run.returncode}"]
            raise ConfigError(f"{', '.join(modules)} can't be imported from {folder}: {why[0]}.")
        loaded: dict[str, str | None] = json.loads(out.read_text())
        return loaded


def _root(module: str, loaded: Mapping[str, str | None]) -> Path:
    """The folder that the app's names begin in."""
    origin = loaded.get(module)
    if origin is None:
        raise ConfigError(f"{module} is no module of a file: a bundle is made of files.")
    return Path(origin).parents[module.count(".") + (Path(origin).name == "__init__.py")]


def _of_module(name: str, path: Path, loaded: Mapping[str, str | None], root: Path) -> dict[str, Path]:
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        package = loaded.get(".".join(parts[:depth]))
        if package is not None and Path(package).name == "__init__.py":
            return _named(tree(Path(package).parent), root)
    return _named([path], root)


def tree(folder: Path) -> Iterator[Path]:
    """The files of a folder that may be of use in a function."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(_is_left_out(part) for part in parts):
            yield path


def _is_left_out(part: str) -> bool:
    is_test = part.endswith(".py") and (part.startswith("test_") or part.endswith("_test.py"))
    return part in NEVER or part.startswith(".") or part.endswith((".pyc", ".pyi")) or is_test


def _named(paths: Iterator[Path] | Sequence[Path], root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in paths}


def _included(given: Path, folder: Path, root: Path) -> dict[str, Path]:
    """A path of the app's folder keeps its place, one from elsewhere stands at the top under its own name."""
    path = Path(os.path.normpath(folder / given))
    if not path.exists():
        raise ConfigError(f"--include {given}: there is no such file or folder in {folder}.")
    base = root if path.is_relative_to(root) else path.parent
    return _named(tree(path) if path.is_dir() else [path], base)


def _adapters(loaded: Mapping[str, str | None]) -> frozenset[str]:
    rooms = [name.split(".") for name in loaded if name.startswith("leftfold.")]
    left_out = sorted({".".join(parts[:2]) for parts in rooms if parts[1] in ("cli", "cloud", "testing")})
    if left_out:
        raise ConfigError(f"the app imports {', '.join(left_out)}, which no function needs: import it in tests only.")
    return frozenset(parts[2] for parts in rooms if parts[1] == "adapters" and len(parts) > 2)
