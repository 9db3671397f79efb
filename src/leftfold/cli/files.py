"""Files that a user names: read within bounds, and written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from leftfold.fit.yamlplaces import MAX_FILE_BYTES


def read_some(path: Path) -> bytes:
    """What a YAML file holds; of an endless one, a byte more than is taken of any. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def write_whole(path: Path, text: str) -> None:
    """At once or not at all: who is stopped, or fails, leaves what was there before. Raises OSError.

    A link stays one. A device or a pipe is written to, not replaced.
    """
    place = Path(os.path.realpath(path))  # of links in a circle it is one of them, where `resolve` fails
    if place.exists() and not place.is_file():
        place.write_text(text, "utf-8")
        return
    beside = place.with_name(f".leftfold-{os.getpid()}.tmp")
    try:
        beside.write_text(text, "utf-8", newline="")
        with suppress(FileNotFoundError):
            beside.chmod(place.stat().st_mode)
        beside.replace(place)
    except BaseException:  # any: Ctrl-C too leaves nothing behind
        with suppress(OSError):
            beside.unlink()
        raise


def write_new(path: Path, text: str) -> None:
    """A file that is not there yet, whole or not at all. Raises FileExistsError, OSError."""
    path.touch(exist_ok=False)
    try:
        write_whole(path, text)
    except BaseException:  # any: Ctrl-C too leaves nothing behind
        path.unlink()
        raise
