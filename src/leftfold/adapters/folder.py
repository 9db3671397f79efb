"""Objects in a folder: a file each, written whole or not at all. For tests, and for machines that have no bucket.

Implements Objects. A file that is being written has a name that begins with a dot.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable


class Folder:
    """One folder; it is made when the first object is stored."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, data: bytes) -> None:
        self._write(name, data, _replace)

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        if keep_until is not None:
            raise ConfigError(
                f"{self._path}: whoever owns a folder can delete its files: only s3: keeps them until a day."
            )
        return self._write(name, data, _link)

    def get(self, name: str) -> bytes:
        path = self._path / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise IntegrityError(f"{path} is gone: restore it from a backup.") from error
        except OSError as error:
            raise StoreUnavailable(f"{path} can't be read: {error.strerror}.") from error

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        folder = self._path / prefix.rpartition("/")[0]
        try:
            found = sorted(
                Path(place, file).relative_to(self._path).as_posix()
                for place, _, files in os.walk(folder, onerror=_unless_missing)
                for file in files
                if not file.startswith(".")
            )
        except OSError as error:
            raise StoreUnavailable(f"{folder} can't be listed: {error.strerror}.") from error
        return (name for name in found if name.startswith(prefix) and name > after)

    def _write(self, name: str, data: bytes, finish: Callable[[Path, Path], bool]) -> bool:
        """Write another file whole, then let `finish` give it its name."""
        path = self._path / name
        unfinished = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            self._make(path.parent)
            try:
                with unfinished.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                finished = finish(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
            _sync(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"{path} can't be written: {error.strerror}.") from error
        return finished

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)


def _replace(unfinished: Path, path: Path) -> bool:
    unfinished.replace(path)
    return True


def _link(unfinished: Path, path: Path) -> bool:
    try:
        os.link(unfinished, path)  # which refuses a name that is taken
    except FileExistsError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Else a name in it may be gone after a power cut; one that somebody else gave as well."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _unless_missing(error: OSError) -> None:
    """A folder that nothing was stored in yet holds no names."""
    if not isinstance(error, FileNotFoundError):
        raise error
