"""Objects in a folder: a file each, written whole or not at all. For tests, and for machines that have no bucket.

Implements Objects.
"""

from __future__ import annotations

import os
from pathlib import Path

from leftfold.core.errors import IntegrityError, StoreUnavailable


class Folder:
    """One folder; it is made when the first object is stored."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, data: bytes) -> None:
        path = self._path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # else the name may be gone after a power cut
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreUnavailable(f"{path} can't be written: {error.strerror}.") from error

    def get(self, name: str) -> bytes:
        path = self._path / name
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise IntegrityError(f"{path} is gone: restore it from a backup.") from error
        except OSError as error:
            raise StoreUnavailable(f"{path} can't be read: {error.strerror}.") from error
