"""`leftfold doctor`: versions, a store's health, and what is risky here."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Final

import click
import msgspec

import leftfold
from leftfold.cli import exits
from leftfold.cli.apps import STORE, existing, json_option, target
from leftfold.cli.doctor_dynamodb import Point, points_of
from leftfold.cli.output import clean, document, show, styled
from leftfold.connect import connect

WAL_RESET_FIXED: Final = (3, 51, 3)
FREE_BYTES: Final = 256 * 1024 * 1024  # below it a busy log is a day from a full disk
NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.glusterfs"}
)

STORES: Final = ("sqlite:", "dynamodb:", "memory:")


@click.command(short_help="versions, store health, what is risky here")
@click.argument("app", metavar="[APP | URL]", required=False)
@json_option
@click.option("--store", metavar="URL", envvar=STORE, help=f"A store to look at too. [default: ${STORE}, else none]")
@click.option("--tenant", help="The tenant whose data to look at.")
@click.pass_context
def doctor(ctx: click.Context, app: str | None, as_json: bool, store: str | None, tenant: str | None) -> None:
    """Versions, store health, and what is risky on this machine. Exit code 1 for a fault, not for a risk."""
    if app is not None and app.startswith(STORES):
        store = app
    elif app is not None:
        store = target(app, store, tenant).url
    facts: dict[str, Any] = {
        "leftfold": leftfold.__version__,
        "python": platform.python_version(),
        "msgspec": msgspec.__version__,
        "sqlite": sqlite3.sqlite_version,
    }
    points = [_sqlite(sqlite3.sqlite_version_info)]
    about: dict[str, Any] | None = None
    if store is not None:
        backend = connect(existing(store, "ro"), tenant=tenant)
        try:
            about = backend.about()
        finally:
            backend.close()
        points += _store(about)
    if as_json:
        document({"versions": facts, "store": about, "points": points})
    else:
        _show(facts, about, points)
    ctx.exit(exits.FOUND if any(point.level == "fault" for point in points) else 0)


def _sqlite(version: tuple[int, ...]) -> Point:
    name = ".".join(map(str, version))
    if version >= WAL_RESET_FIXED:
        return Point("ok", "sqlite", f"SQLite {name} has the fix of the WAL-reset bug.")
    return Point(
        "risk",
        "sqlite",
        f"SQLite {name} has the WAL-reset bug (fixed in {'.'.join(map(str, WAL_RESET_FIXED))}): two connections that "
        "write or checkpoint at once can damage a file. leftfold prevents it: one file lock around every write, checkpoint "
        "and close, and readers that never checkpoint. Don't let other programs write to a store's file.",
    )


def _store(about: dict[str, Any]) -> list[Point]:
    if about.get("store") == "dynamodb":
        return points_of(about)
    if about.get("store") != "sqlite":
        return [Point("ok", "store", f"a {about.get('store', 'store')} store with {about.get('events', 0):,} events.")]
    path = Path(about["path"])
    return [_journal(about), _durability(about), _intact(path), _disk(path, about["size_bytes"]), _filesystem(path)]


def _journal(about: dict[str, Any]) -> Point:
    if about["journal"] == "wal":
        return Point("ok", "journal", "WAL: readers and the writer don't wait for each other.")
    return Point(
        "risk", "journal", f"{about['journal']}, not wal: another program changed it; readers block the writer."
    )


def _durability(about: dict[str, Any]) -> Point:
    if about["durability"] == "full":
        return Point("ok", "durability", "full: what was acknowledged survives a power cut.")
    return Point("risk", "durability", "relaxed: a power cut may lose the last seconds of what was acknowledged.")


def _intact(path: Path) -> Point:
    """SQLite's own quick check, through a connection that can't write."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        rows: list[tuple[str]] = connection.execute("PRAGMA quick_check(5)").fetchall()
    except sqlite3.DatabaseError as error:
        rows = [(str(error),)]
    finally:
        connection.close()
    if rows == [("ok",)]:
        return Point("ok", "quick_check", "SQLite finds the file whole.")
    told = "; ".join(row[0] for row in rows)
    return Point("fault", "quick_check", f"the file is damaged: {told}. Stop writing, copy it, restore a backup.")


def _disk(path: Path, size: int) -> Point:
    free = shutil.disk_usage(path.parent).free
    told = f"{_size(free)} free beside a store of {_size(size)}."
    if free < max(FREE_BYTES, size):
        return Point(
            "risk", "disk", f"{told} A full disk stops writing, a copy for a backup needs the store's size: make room."
        )
    return Point("ok", "disk", told)


def _filesystem(path: Path) -> Point:
    kind = _filesystem_of(path.resolve(), Path("/proc/self/mounts"))
    if kind is None:
        return Point("ok", "filesystem", "unknown here: keep the file on a local disk.")
    if kind in NETWORK:
        return Point(
            "risk",
            "filesystem",
            f"{kind} is a network filesystem: its locks don't hold a WAL file together. Use a local disk.",
        )
    if kind in ("tmpfs", "ramfs"):
        return Point("risk", "filesystem", f"{kind} is memory: the store is gone with the next restart.")
    return Point("ok", "filesystem", f"{kind}, local.")


def _filesystem_of(path: Path, mounts: Path) -> str | None:
    """The type of the innermost mount that holds `path`; None where the system doesn't say."""
    if not mounts.exists():
        return None
    best: tuple[int, str] | None = None
    for line in mounts.read_text(errors="replace").splitlines():
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if path.is_relative_to(place) and (best is None or len(place) >= best[0]):
            best = len(place), kind
    return best[1] if best else None


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.0f} TiB"


def _show(facts: dict[str, Any], about: dict[str, Any] | None, points: list[Point]) -> None:
    show(styled(("versions   ", "bold"), ", ".join(f"{name} {value}" for name, value in facts.items())))
    if about is not None:
        parts = [
            f"{name} {value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{name} {value}"
            for name, value in about.items()
            if not isinstance(value, dict)
        ]
        show(styled(("store      ", "bold"), clean(", ".join(parts))))
    for point in points:
        colour = {"ok": "green", "risk": "bold yellow", "fault": "bold red", "hint": "dim"}[point.level]
        show(styled((f"{point.level:<5} ", colour), (f"{point.subject}: ", "bold"), clean(point.message)))
    if about is None:
        show(styled(("A store is looked at too: leftfold doctor sqlite:PATH, or dynamodb:NAME.", "dim")))
