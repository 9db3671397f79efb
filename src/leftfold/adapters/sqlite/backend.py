"""Opening a SQLite file: make it, or make sure that it is ours, this tenant's, and of a format that we know."""

from __future__ import annotations

import errno
import os
import sqlite3
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from leftfold.adapters.sqlite.checkpoints import SqliteCheckpoints, SqliteDeadLetters
from leftfold.adapters.sqlite.connection import APPLICATION_ID, FORMAT, Database, Durability
from leftfold.adapters.sqlite.held import HELD
from leftfold.adapters.sqlite.rows import SqliteCatalog, SqliteRows, SqliteTables
from leftfold.adapters.sqlite.store import SqliteStore
from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock

Mode = Literal["rwc", "rw", "ro"]


MAGIC: Final = b"SQLite format 3\0"
HEAD_BYTES: Final = 100  # SQLite's file header


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def open_sqlite(
    path: Path, *, tenant: str = "", mode: Mode = "rwc", durability: Durability = "full", clock: Clock | None = None
) -> Backend:
    """The ports over one file; with a tenant, over that tenant's own file beside it (`bank.db` -> `bank.acme.db`).

    `mode`: `rwc` makes the file when it is missing, `rw` and `ro` don't. Raises StoreUnavailable, ConfigError for a file
    that is somebody else's, IntegrityError for a damaged one.
    """
    path = path.with_name(f"{path.stem}.{tenant}{path.suffix}") if tenant else path
    clock = clock or SystemClock()
    with HELD:
        _prepare(path, mode)
        database = Database(path, durability=durability, read_only=mode == "ro")
    try:
        store_id = _settle(database, tenant)
    except BaseException:  # any: whatever is wrong with the file, its handles are let go
        database.close()
        raise
    store = SqliteStore(database, store_id)
    checkpoints = SqliteCheckpoints(database, clock)
    return Backend(
        url=f"sqlite:{path}",
        tenant=tenant,
        store=store,
        snapshots=store,
        log=store,
        rows=SqliteRows(database, checkpoints),
        catalog=SqliteCatalog(database),
        checkpoints=checkpoints,
        dead=SqliteDeadLetters(database),
        tables=SqliteTables(database, checkpoints),
        clock=clock,
        close=database.close,
        about=lambda: _about(database, store),
    )


def _prepare(path: Path, mode: Mode) -> None:
    """The file exists afterwards, or the reason why not is said."""
    try:
        if HELD.is_open(path):
            if mode != "ro" and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        if mode == "rwc":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        elif not path.is_file():
            raise StoreUnavailable(
                f"{path} does not exist: nothing was stored there yet (mode=rwc, the default, makes it)."
            )
        elif mode == "rw":
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))  # SQLite would open it to read, and say so much later
        _look(path)
    except OSError as error:
        step = (
            "make its folder" if isinstance(error, FileNotFoundError) else "check its permissions, or open with mode=ro"
        )
        raise StoreUnavailable(f"{path} can't be opened: {error.strerror}; {step}.") from error


def _look(path: Path) -> None:
    """Refuse what is plainly another program's before so much as a lock file is put beside it."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    application = int.from_bytes(head[68:72])
    if head and not head.startswith(MAGIC):
        raise IntegrityError(
            f"{path} is no SQLite file, or a damaged one: check the path, or restore it from a backup."
        )
    if application not in (0, APPLICATION_ID):  # 0: a new file whose stamp is still in its WAL
        raise ConfigError(f"{path} is a database of another program: choose another path.")


def _settle(database: Database, tenant: str) -> str:
    """Stamp a new file, or check an old one's stamp. Returns the store's id."""
    if not _is_empty(database):
        store_id = _identify(database, tenant)
        if not database.read_only:
            database.use_wal()  # a restored copy may have come without it
        return store_id

    def stamp(connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            return  # another process was first
        for statement in _statements():
            connection.execute(statement)
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)", [("store_id", os.urandom(4).hex()), ("tenant", tenant)]
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")

    database.use_wal()
    database.write(stamp)
    return _identify(database, tenant)


def _statements() -> list[str]:
    """schema.sql, statement by statement: a script as a whole would end the transaction it runs in."""
    lines = resources.files("leftfold.adapters.sqlite").joinpath("schema.sql").read_text().splitlines()
    return "\n".join(line.partition("--")[0] for line in lines).split(";")


def _is_empty(database: Database) -> bool:
    return not database.read("SELECT 1 FROM sqlite_master LIMIT 1")


def _identify(database: Database, tenant: str) -> str:
    ((application,),) = database.read("PRAGMA application_id")
    ((version,),) = database.read("PRAGMA user_version")
    if application != APPLICATION_ID:
        raise ConfigError(f"{database.path} is a database of another program: choose another path.")
    if version > FORMAT:
        raise ConfigError(
            f"{database.path} has format {version}, this leftfold reads up to {FORMAT}: upgrade leftfold."
        )
    meta: dict[str, str] = dict(database.read("SELECT name, value FROM meta"))
    if not {"tenant", "store_id"} <= meta.keys():
        raise IntegrityError(f"{database.path} no longer says whose it is: restore it from a backup.")
    if meta["tenant"] != tenant:
        whose = f"tenant {meta['tenant']!r}" if meta["tenant"] else "no tenant"
        raise ConfigError(f"{database.path} belongs to {whose}, not to {tenant or 'no tenant'!r}: open it as such.")
    return meta["store_id"]


def _about(database: Database, store: SqliteStore) -> dict[str, Any]:
    """What `leftfold doctor` shows of a file."""
    ((journal,),) = database.read("PRAGMA journal_mode")
    ((size,),) = database.read("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    return {
        "store": "sqlite",
        "path": str(database.path),
        "sqlite": sqlite3.sqlite_version,
        "journal": journal,
        "durability": database.durability,
        "size_bytes": size,
        "events": store.end(),
    }
