"""From an app to its zip: gather, compile, check, pack, and say what it weighs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from leftfold.cloud.bundle.bytecode import Mode, compiled, find_interpreter
from leftfold.cloud.bundle.modules import find_modules, missing
from leftfold.cloud.bundle.ours import adapters_of, our_files
from leftfold.cloud.bundle.packages import package_files
from leftfold.cloud.bundle.target import BUDGET_BYTES, UNPACKED_BYTES, UPLOAD_BYTES, Target
from leftfold.cloud.bundle.zipping import refuse_foreign_code, zipped
from leftfold.cloud.entries import entries, own_handler
from leftfold.cloud.graph import Graph
from leftfold.core.errors import ConfigError, TooLarge

OURS = ("leftfold", "msgspec")


class Part(Struct, frozen=True):
    """What one origin takes: of the zip, and unpacked. `bytecode_bytes` is the part of `zip_bytes` that is bytecode."""

    name: str
    files: int
    unpacked_bytes: int
    zip_bytes: int
    bytecode_bytes: int


class Bundle(Struct, frozen=True):
    """A built bundle. `sha256` names it where it is uploaded; `warnings` say what it costs to leave them."""

    content: bytes
    target: Target
    bytecode: Mode
    interpreter: str | None
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def zip_bytes(self) -> int:
        return len(self.content)

    @property
    def unpacked_bytes(self) -> int:
        return sum(part.unpacked_bytes for part in self.parts)

    @property
    def our_bytes(self) -> int:
        """What leftfold and msgspec take of the zip: BUDGET_BYTES at the most."""
        return sum(part.zip_bytes for part in self.parts if part.name in OURS)


def build(
    graph: Graph,
    name: str,
    *,
    folder: Path | None = None,
    target: Target | None = None,
    bytecode: Mode = "unchecked",
    include: Sequence[Path] = (),
    requirements: Path | None = None,
    adapters: Iterable[str] = (),
    boto3: str | None = None,
    interpreter: str | None = None,
) -> Bundle:
    """The bundle of the app that is `name` (module:attribute) in `folder`, the current one unless another is given.

    `graph` says which functions it has, and its settings the target unless another is given. Raises ConfigError for a
    module, a wheel or an interpreter that isn't there and for native code of another platform, TooLarge for what Lambda
    would not unpack.
    """
    target = target or Target(graph.settings.python, graph.settings.architecture)
    own = [handler.rpartition(".")[0] for one in graph.functions if (handler := own_handler(graph, one))]
    found = find_modules([name.partition(":")[0], *own], (folder or Path.cwd()).absolute(), include=include)
    app = _read(found.files) | {file: text.encode() for file, text in entries(graph, name).items()}
    kept = adapters_of(graph, more={*adapters, *found.adapters})
    with tempfile.TemporaryDirectory() as scratch:
        packages = _read(package_files(target, Path(scratch), requirements=requirements, boto3=boto3))
    ours = _read(our_files({file: text for file, text in app.items() if file.endswith(".py")}, kept))
    groups: dict[str, dict[str, bytes]] = {
        "leftfold": ours,
        "msgspec": {file: content for file, content in packages.items() if file.startswith("msgspec")},
        "app": app,
        "packages": {file: content for file, content in packages.items() if not file.startswith("msgspec")},
    }
    files = _together(groups)
    if lost := missing(found, files):
        raise ConfigError(
            f"the app imports {', '.join(lost)} from outside its folder: name its package in a file for --requirements, or "
            "its path with --include."
        )
    refuse_foreign_code(files, target)
    origins = {file: origin for origin, group in groups.items() for file in group}
    return _packed(files, origins, target, bytecode, interpreter)


def _packed(files: dict[str, bytes], origins: dict[str, str], target: Target, mode: Mode, named: str | None) -> Bundle:
    found = None if mode == "none" else find_interpreter(target, named)
    sources = {name: content for name, content in files.items() if name.endswith(".py")}
    if found is None:
        warnings = [_without_bytecode(target, len(sources), mode)]
    else:
        made, failed = compiled(sources, found, mode, lean=OURS)
        for name, content in made.items():
            source = _source_of(name)
            alone = mode == "unchecked" and origins[source] in OURS
            files[f"{source}c" if alone else name], origins[f"{source}c" if alone else name] = content, origins[source]
            if alone:
                del files[source]
        warnings = [f"{name} is no Python {target.python}: it went in as it is." for name in failed]
    content, taken = zipped(files)
    parts = _parts(files, taken, origins)
    unpacked = sum(map(len, files.values()))
    if unpacked > UNPACKED_BYTES:
        raise TooLarge(
            f"the bundle unpacks to {unpacked:,} bytes, and Lambda takes {UNPACKED_BYTES:,}: the largest part is "
            f"{max(parts, key=lambda part: part.unpacked_bytes).name}. Leave packages out, or use a container image.",
            field="bundle",
            limit=UNPACKED_BYTES,
        )
    if len(content) > UPLOAD_BYTES:
        warnings.append(f"the zip is over {UPLOAD_BYTES:,} bytes: Lambda takes it from S3 only.")
    bundle = Bundle(content, target, "none" if found is None else mode, found, parts, tuple(warnings))
    if bundle.our_bytes > BUDGET_BYTES:
        over = (
            f"leftfold and msgspec take {bundle.our_bytes:,} bytes of the zip, over their budget of {BUDGET_BYTES:,}."
        )
        return Bundle(content, target, bundle.bytecode, found, parts, (*warnings, over))
    return bundle


def _without_bytecode(target: Target, sources: int, mode: Mode) -> str:
    why = (
        "as asked" if mode == "none" else f"no {target.runtime} was found here to make it: --interpreter PATH names one"
    )
    cost = f"Each cold start compiles what it imports of {sources} sources: about three times the CPU."
    return f"no bytecode ({why}). {cost}"


def _parts(files: Mapping[str, bytes], taken: Mapping[str, int], origins: Mapping[str, str]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for origin in dict.fromkeys(["leftfold", "msgspec", "app", *sorted(set(origins.values()))]):
        names = [name for name in files if origins[name] == origin]
        bytecode = sum(taken[name] for name in names if name.endswith(".pyc"))
        unpacked, zip_bytes = sum(len(files[name]) for name in names), sum(taken[name] for name in names)
        parts.append(Part(origin, len(names), unpacked, zip_bytes, bytecode))
    return tuple(part for part in parts if part.files)


def _source_of(compiled_name: str) -> str:
    """`a/__pycache__/b.cpython-313.pyc` -> `a/b.py`."""
    folder, _, name = compiled_name.rpartition("__pycache__/")
    return f"{folder}{name.split('.')[0]}.py"


def _read(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items()}


def _together(groups: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """Raises ConfigError where two origins have a file of one name: one of them would be lost."""
    files: dict[str, bytes] = {}
    for origin, group in groups.items():
        for name, content in group.items():
            if name in files:
                raise ConfigError(f"{name} is there twice, once from {origin}: rename the app's, or leave it out.")
            files[name] = content
    return files
