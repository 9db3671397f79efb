"""From an app to its zip: gather, compile, check, pack, and say what it weighs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

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

OURS: Final = ("leftfold", "msgspec")
ORIGINS: Final = (*OURS, "app", "packages")


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
    theirs = {file: content for file, content in packages.items() if not file.startswith("msgspec")}
    mine = {file: content for file, content in packages.items() if file.startswith("msgspec")}
    files = _together({"leftfold": ours, "msgspec": mine, "app": app, "packages": theirs})
    if lost := missing(found, files):
        raise ConfigError(
            f"the app imports {', '.join(lost)} from outside its folder: name its package in a file for --requirements, or "
            "its path with --include."
        )
    refuse_foreign_code({file: one.content for file, one in files.items()}, target)
    by = None if bytecode == "none" else find_interpreter(target, interpreter)
    warnings = [*_newer_boto3(graph, packages)]
    if by is None:
        warnings.append(_without_bytecode(target, files, asked=bytecode == "none"))
        return _weighed(files, target, "none", None, warnings)
    files, failed = _with_bytecode(files, by, bytecode)
    warnings += [f"{file} is no Python {target.python}: it went in as it is." for file in failed]
    return _weighed(files, target, bytecode, by, warnings)


class _File(Struct, frozen=True):
    origin: str
    content: bytes


def _with_bytecode(files: Mapping[str, _File], interpreter: str, mode: Mode) -> tuple[dict[str, _File], list[str]]:
    """The files with their bytecode, and those that could not be compiled. What is never compared stands for our sources."""
    sources = {name: one.content for name, one in files.items() if name.endswith(".py")}
    made, failed = compiled(sources, interpreter, mode, lean=OURS)
    found = dict(files)
    for name, content in made.items():
        source = _source_of(name)
        origin = files[source].origin
        if mode == "unchecked" and origin in OURS:
            del found[source]
            name = f"{source}c"  # found by import where there is no source
        found[name] = _File(origin, content)
    return found, failed


def _weighed(
    files: Mapping[str, _File], target: Target, mode: Mode, interpreter: str | None, warnings: Sequence[str]
) -> Bundle:
    """Packed, with what each origin takes. Raises TooLarge."""
    content, taken = zipped({name: one.content for name, one in files.items()})
    parts = tuple(part for origin in ORIGINS if (part := _part(origin, files, taken)).files)
    bundle = Bundle(content, target, mode, interpreter, parts, (*warnings, *_over(len(content), parts)))
    if bundle.unpacked_bytes > UNPACKED_BYTES:
        largest = max(parts, key=lambda part: part.unpacked_bytes).name
        raise TooLarge(
            f"the bundle unpacks to {bundle.unpacked_bytes:,} bytes, and Lambda takes {UNPACKED_BYTES:,}: the largest part "
            f"is {largest}. Leave packages out, or use a container image.",
            field="bundle",
            limit=UNPACKED_BYTES,
        )
    return bundle


def _part(origin: str, files: Mapping[str, _File], taken: Mapping[str, int]) -> Part:
    names = [name for name, one in files.items() if one.origin == origin]
    return Part(
        origin,
        files=len(names),
        unpacked_bytes=sum(len(files[name].content) for name in names),
        zip_bytes=sum(taken[name] for name in names),
        bytecode_bytes=sum(taken[name] for name in names if name.endswith(".pyc")),
    )


def _over(zip_bytes: int, parts: Iterable[Part]) -> Iterator[str]:
    if zip_bytes > UPLOAD_BYTES:
        yield f"the zip is over {UPLOAD_BYTES:,} bytes: Lambda takes it from S3 only."
    ours = sum(part.zip_bytes for part in parts if part.name in OURS)
    if ours > BUDGET_BYTES:
        yield f"leftfold and msgspec take {ours:,} bytes of the zip, over their budget of {BUDGET_BYTES:,}."


def _newer_boto3(graph: Graph, packages: Mapping[str, object]) -> Iterator[str]:
    newer = [channel.name for channel in graph.channels if channel.scheme == "eventbridgev2"]
    if newer and not any(name.startswith("botocore/") for name in packages):
        yield f"{newer[0]} needs a boto3 that knows it, and Lambda's own may be older: --boto3 VERSION puts one in."


def _without_bytecode(target: Target, files: Iterable[str], *, asked: bool) -> str:
    why = "as asked" if asked else f"no {target.runtime} was found here to make it: --interpreter PATH names one"
    sources = sum(name.endswith(".py") for name in files)
    return f"no bytecode ({why}). Each cold start compiles what it imports of {sources} sources: three times the CPU."


def _source_of(compiled_name: str) -> str:
    """`a/__pycache__/b.cpython-313.pyc` -> `a/b.py`."""
    folder, _, name = compiled_name.rpartition("__pycache__/")
    return f"{folder}{name.rsplit('.', 2)[0]}.py"


def _read(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items()}


def _together(groups: Mapping[str, Mapping[str, bytes]]) -> dict[str, _File]:
    """Raises ConfigError where two origins have a file of one name: one of them would be lost."""
    files: dict[str, _File] = {}
    for origin, group in groups.items():
        for name, content in group.items():
            if name in files:
                raise ConfigError(f"{name} is there twice, once from {origin}: rename the app's, or leave it out.")
            files[name] = _File(origin, content)
    return files
