"""What a bundle is built for: a Python that Lambda has, and a processor. Facts of AWS and of CPython, as data."""

from __future__ import annotations

import platform
import sys
from typing import Final

from msgspec import Struct

from leftfold.core.errors import ConfigError

UNPACKED_BYTES: Final = 250 * 1024 * 1024  # of a function, layers included (Lambda quotas)
UPLOAD_BYTES: Final = 50 * 1024 * 1024  # of a zip sent with the call itself (Lambda quotas); from S3 it may be larger
BUDGET_BYTES: Final = 1_000_000  # of leftfold and msgspec in a zip: what our part may cost each cold start's download
TASK: Final = "/var/task"  # where Lambda unpacks it


class Runtime(Struct, frozen=True):
    """One of Lambda's Pythons. `magic` marks its bytecode, `glibc` says which wheels load on its Amazon Linux."""

    magic: int
    glibc: int


RUNTIMES: Final = {
    "3.11": Runtime(3495, 26),  # Amazon Linux 2
    "3.12": Runtime(3531, 34),  # Amazon Linux 2023, as those after it
    "3.13": Runtime(3571, 34),
    "3.14": Runtime(3627, 34),
}

MACHINES: Final = {"arm64": ("aarch64", 0xB7), "x86_64": ("x86_64", 0x3E)}
"""Lambda's name of a processor -> the wheels' name, and the number that an ELF file has for it."""


class Target(Struct, frozen=True):
    """Raises ConfigError for what Lambda doesn't have."""

    python: str
    arch: str

    def __post_init__(self) -> None:
        if self.python not in RUNTIMES:
            raise ConfigError(f"Lambda has no Python {self.python!r} that leftfold runs on: use {', '.join(RUNTIMES)}.")
        if self.arch not in MACHINES:
            raise ConfigError(f"{self.arch!r} is no processor of Lambda: use {' or '.join(MACHINES)}.")

    @property
    def runtime(self) -> str:
        """As the template's Runtime has it."""
        return f"python{self.python}"

    @property
    def tag(self) -> str:
        """Of the interpreter, in the names of wheels and of native modules: `cp313`."""
        return "cp" + self.python.replace(".", "")

    @property
    def magic(self) -> bytes:
        """The first bytes of its bytecode."""
        return RUNTIMES[self.python].magic.to_bytes(2, "little") + b"\r\n"

    @property
    def machine(self) -> int:
        return MACHINES[self.arch][1]

    @property
    def platforms(self) -> tuple[str, ...]:
        """The wheels that load there, as pip names them, the newest first."""
        machine = MACHINES[self.arch][0]
        newest = RUNTIMES[self.python].glibc
        return (*(f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)), f"manylinux2014_{machine}")

    @property
    def is_here(self) -> bool:
        """Whether what is installed beside this interpreter runs there as it is."""
        return self == here() and platform.libc_ver()[0] == "glibc"


def here() -> Target | None:
    """What this process would be on Lambda; None where Lambda has no such thing."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    arch = {machine: name for name, (machine, _) in MACHINES.items()}.get(platform.machine())
    is_linux = sys.platform == "linux" and sys.implementation.name == "cpython"
    return Target(python, arch) if is_linux and arch and python in RUNTIMES else None
