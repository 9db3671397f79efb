"""Apps that are bundled, the wheels that they need, and a bundle unpacked as Lambda does it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from leftfold import App
from leftfold.cli.apps import load_app
from leftfold.cloud.bundle import Bundle, Target, build
from leftfold.cloud.bundle.target import here
from leftfold.cloud.graph import Graph, graph
from leftfold.cloud.settings import Settings
from tests.bench import cold

HERE: Final = here() or Target("3.11", "x86_64")
WIDE: Final = """\
from leftfold import App
import domain

app = App("wide", deciders=[domain])
"""
COMMAND: Final = {"category": "wide", "key": "a", "command": "Do", "data": {"amount": 7}}
ANSWER: Final = [{"type": "Happened0", "data": {"amount": 7, "name": ""}}]


def wide(folder: Path) -> Path:
    """An app of 100 event types, as `wide:app`."""
    folder.mkdir(parents=True, exist_ok=True)
    cold.write_domain(folder)
    (folder / "wide.py").write_text(WIDE)
    return folder


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def graph_for(python: str = HERE.python, arch: Any = HERE.arch, name: str = "wide", **settings: Any) -> Graph:
    """The graph of an app with one decider, no more."""
    model = {
        "app": name,
        "deciders": [{"category": "wide", "commands": ["Do"], "events": [], "boundary": False}],
        **{part: [] for part in ("views", "reactions", "processes", "workflows", "destinations", "ingest")},
    }
    return graph(model, Settings(python=python, architecture=arch, **settings))  # type: ignore[arg-type]


def app_of(folder: Path, module: str, attribute: str) -> App:
    """The app of an example; this process forgets its modules, whose names others have too."""
    before, kept = list(sys.path), dict(sys.modules)
    try:
        return load_app(f"{module}:{attribute}", folder)
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - set(kept):
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


def bundled(folder: Path, name: str = "wide:app", **options: Any) -> Bundle:
    return build(options.pop("graph", None) or graph_for(), name, folder=folder, **options)


def names(bundle: Bundle) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        return set(archive.namelist())


def contents(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def unpacked(bundle: Bundle, folder: Path) -> Path:
    """As Lambda's /var/task: the files with the times that the zip says."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        archive.extractall(folder)
    age(folder)
    return folder


def age(folder: Path) -> None:
    """The time of every file is the one that a zip without times says."""
    for path in folder.rglob("*"):
        os.utime(path, (315532800, 315532800))


def python(folder: Path, code: str, *args: str) -> str:
    """What this interpreter prints, with the folder's files before all that is installed here."""
    run = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def wheel(
    folder: Path, name: str, version: str, tag: str, files: Mapping[str, bytes], *, needs: Sequence[str] = ()
) -> None:
    """A wheel as an index has it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {one}\n" for one in needs)
    inside = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    }
    lines = [f"{one},sha256={_digest(content)},{len(content)}" for one, content in inside.items()]
    inside[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for one, content in inside.items():
            archive.writestr(one, content)


def elf(machine: int) -> bytes:
    """The head of a shared library for a processor."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(44)


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
