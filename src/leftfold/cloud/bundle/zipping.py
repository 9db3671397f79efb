"""One zip, byte for byte the same for the same files; and what is wrong with a file for the target."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Final

from leftfold.cloud.bundle.target import MACHINES, Target
from leftfold.core.errors import ConfigError

_LEVEL: Final = 9  # it is packed once and unpacked at each cold start
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # that a zip can say: any time would do, if it is always the same
_UNIX: Final = 3
_READABLE: Final = 0o100644 << 16  # by whoever Lambda runs the function as, whatever the umask here
_NATIVE: Final = re.compile(r"\.cpython-(\d+)[a-z]*-")


def zipped(files: Mapping[str, bytes]) -> tuple[bytes, dict[str, int]]:
    """The zip, and what each file takes in it."""
    buffer = io.BytesIO()
    taken: dict[str, int] = {}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr, entry.compress_type = _UNIX, _READABLE, zipfile.ZIP_DEFLATED
            before = buffer.tell()
            archive.writestr(entry, files[name], compresslevel=_LEVEL)
            taken[name] = buffer.tell() - before
    return buffer.getvalue(), taken


def refuse_foreign_code(files: Mapping[str, bytes], target: Target) -> None:
    """Raise ConfigError for native code that the target can't load: it would fail at the first import there."""
    for name, content in sorted(files.items()):
        if why := _foreign(name, content, target):
            raise ConfigError(
                f"{name} is native code for {why}, and the bundle is for {target.runtime} on {target.arch}: name its "
                "package in --requirements, so that the right wheel is taken, in place of the files of this machine."
            )


def _foreign(name: str, content: bytes, target: Target) -> str | None:
    if content[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe") and name.endswith(
        (".so", ".dylib")
    ):
        return "macOS"
    if content[:2] == b"MZ" and name.endswith((".pyd", ".dll", ".exe")):
        return "Windows"
    if content[:4] != b"\x7fELF":
        return None
    machine = int.from_bytes(content[18:20], "little")
    if machine != target.machine:
        return next(
            (arch for arch, (_, number) in MACHINES.items() if number == machine), f"another processor ({machine:#x})"
        )
    tag = _NATIVE.search(name)
    return f"CPython {tag[1][0]}.{tag[1][1:]}" if tag and f"cp{tag[1]}" != target.tag else None
