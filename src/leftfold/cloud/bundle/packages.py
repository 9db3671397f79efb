"""msgspec and the user's requirements as the target needs them: from wheels, never built.

What is installed here is taken only where it is the very wheel that the target would load.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leftfold.cloud.bundle.target import Target
from leftfold.core.errors import ConfigError

PIP_WITHIN_S: Final = 600.0  # a wheel of 200 MB over a slow line
METADATA: Final = {"METADATA", "entry_points.txt"}  # of a dist-info: what importlib.metadata reads in a function
UNUSED: Final = (".pyc", ".pyi")


def msgspec_version() -> str:
    """The version that is installed here: what the app was tested with."""
    return importlib.metadata.version("msgspec")


def package_files(
    target: Target, into: Path, *, requirements: Path | None = None, boto3: str | None = None
) -> dict[str, Path]:
    """Names in the zip -> files. msgspec as it is here, and what `requirements` lists; `boto3` pins a version of it.

    Raises ConfigError where the target has no wheel, or pip isn't there.
    """
    wanted = [f"msgspec=={msgspec_version()}"]
    if boto3 is not None:
        wanted.append(f"boto3=={boto3}")
    if requirements is None and boto3 is None and target.is_here and (files := _installed("msgspec", target)):
        return files
    if requirements is not None:
        if not requirements.is_file():
            raise ConfigError(f"--requirements {requirements}: there is no such file.")
        wanted += ["--requirement", str(requirements.absolute())]
    _install(wanted, target, into)
    return {
        path.relative_to(into).as_posix(): path
        for path in sorted(into.rglob("*"))
        if path.is_file() and _used(path, into)
    }


def _install(wanted: list[str], target: Target, into: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise ConfigError("a bundle for another Python or processor needs pip beside leftfold: python -m ensurepip.")
    platforms = [word for name in target.platforms for word in ("--platform", name)]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--target", str(into), "--only-binary", ":all:", "--no-compile"),
        *("--implementation", "cp", "--python-version", target.python, *platforms, *wanted),
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PIP_WITHIN_S)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"pip took over {PIP_WITHIN_S:g} s: is the package index reachable?") from error
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR: ")]
        why = lines[-1].removeprefix("ERROR: ") if lines else (run.stderr.strip() or f"pip ended with {run.returncode}")
        raise ConfigError(
            f"no wheels for {target.runtime} on {target.arch}: {why.rstrip('.')}. A bundle takes wheels only: choose a "
            "version that has one, another --python or --arch, or point pip at an index that has it."
        )


def _installed(name: str, target: Target) -> dict[str, Path] | None:
    """The files of a distribution here, where it came as a wheel that the target takes too."""
    distribution = importlib.metadata.distribution(name)
    if not any(platform in tag for tag in _tags(distribution) for platform in target.platforms):
        return None
    here = Path(str(distribution.locate_file("")))
    names = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return {path.relative_to(here).as_posix(): path for path in sorted(names) if path.is_file() and _used(path, here)}


def _tags(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    for line in (distribution.read_text("WHEEL") or "").splitlines():
        if line.startswith("Tag: "):
            yield line


def _used(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    if any(part == "__pycache__" for part in parts) or path.name.endswith(UNUSED) or path.name == "py.typed":
        return False
    if parts[0] in ("bin", ".."):  # scripts: nobody runs them in a function
        return False
    return path.name in METADATA if parts[0].endswith(".dist-info") else True
