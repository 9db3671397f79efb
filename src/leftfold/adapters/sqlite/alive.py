"""Whether the process behind a lease is gone: then its successor need not wait for the lease to run out.

Only ever a short cut. A mark from another boot, container or kind of system says nothing, and the lease's time decides;
a worker that was taken for dead by mistake is fenced by its token like any other.
"""

from __future__ import annotations

import os
from pathlib import Path


def mark() -> str:
    """This process, as its leases name it: `boot:pid-namespace:pid`; empty where the system doesn't tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return ""
    return f"{boot}:{namespace}:{os.getpid()}"


def is_gone(theirs: str) -> bool:
    """Whether `theirs` is the mark of a process of this very system that no longer exists."""
    here, _, _ = mark().rpartition(":")
    place, _, pid = theirs.rpartition(":")
    return bool(here) and place == here and not Path(f"/proc/{pid}").exists()
