"""What one Lambda container keeps between calls: sessions, the place for bad records, telemetry.

Nothing is opened before the first call that needs it. Sessions stay open for the container's life; SnapStart's snapshot is
taken without any, and a restored container seeds its chance anew.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, TypedDict

from leftfold.app import App
from leftfold.aside import Aside
from leftfold.core.errors import ConfigError, Rejected
from leftfold.lambdas.deadline import Deadline, deadline
from leftfold.ports.alarms import Alarms
from leftfold.ports.backend import Backend
from leftfold.ports.machines import Machines
from leftfold.ports.objects import Objects
from leftfold.session import Session
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import LEVELS, NAMESPACE, Level, Telemetry, where

STORE: Final = "LEFTFOLD_STORE"
TENANT: Final = "LEFTFOLD_TENANT"
ASIDE: Final = "LEFTFOLD_ASIDE"
ALARMS: Final = "LEFTFOLD_ALARMS"
LEVEL: Final = "LEFTFOLD_LOG_LEVEL"
ARCHIVE: Final = "LEFTFOLD_ARCHIVE"
WORKFLOWS: Final = "LEFTFOLD_WORKFLOWS"
SPACE: Final = "LEFTFOLD_NAMESPACE"
TENANTS_KEPT: Final = 32  # sessions of one container: each holds caches of its streams; the least used one is closed

Handler = Callable[[Any, Any], Any]
TenantOf = Callable[[Any], str | None]


class Options(TypedDict, total=False):
    """What every handler factory takes.

    `store`: a URL or an opened backend, else LEFTFOLD_STORE. `tenant`: its name, or a function from the request (or the
    record) to it, else LEFTFOLD_TENANT. `aside`: where records of a wrong shape go, an objects URL or an object store, else
    LEFTFOLD_ASIDE. `alarms`: what rings when timers are due, a URL or Alarms, else LEFTFOLD_ALARMS. `workflows`: what runs
    their state machines, a URL or Machines, else LEFTFOLD_WORKFLOWS. `write`: where lines of logs and metrics go, else
    standard output; `level`: the least that is logged.
    """

    store: str | Backend | None
    tenant: str | TenantOf | None
    aside: str | Objects | None
    alarms: str | Alarms | None
    workflows: str | Machines | None
    write: Callable[[str], None] | None
    level: Level | None


class Call:
    """One invocation."""

    def __init__(self, container: Container, context: Any) -> None:
        self._container = container
        self.deadline: Deadline = deadline(context)
        self.telemetry = container.telemetry
        self.request_id = str(getattr(context, "aws_request_id", "") or "")

    def session(self, asked: object = None) -> Session:
        """The session of the tenant that `asked`, a request or a record, belongs to; opened on first use, then kept."""
        return self._container.session(asked)

    @property
    def aside(self) -> Aside | None:
        """Where bad records go; None where nobody said. Raises ConfigError for a URL that names no object store."""
        return self._container.aside()


class Container:
    """The kept part of one handler."""

    def __init__(self, app: App, handler: str, options: Options, machines: Machines | None = None) -> None:
        """`machines` run workflows where nobody said which."""
        self.app, self.handler, self._options, self._machines = app, handler, options, machines
        self.telemetry = Telemetry(
            options.get("write") or _print,
            time.time,
            app=app.name,
            handler=handler,
            level=_level(options),
            namespace=os.environ.get(SPACE) or NAMESPACE,
        )
        self._sessions: OrderedDict[str | None, Session] = OrderedDict()
        self._aside: Aside | None = None
        self._cold = True
        _snapshots(self)

    @contextmanager
    def call(self, context: Any) -> Generator[Call]:
        """An invocation: counted, timed and told, whatever becomes of it."""
        telemetry, began = self.telemetry, time.perf_counter()
        telemetry.count(metrics.INVOCATIONS)
        if self._cold:
            telemetry.count(metrics.COLD_STARTS)
            self._cold = False
        call = Call(self, context)
        telemetry.request_id = call.request_id
        try:
            yield call
        except BaseException as error:  # any: told, and raised again
            telemetry.count(metrics.FAULTS)
            telemetry.log("error", "the call failed", error=type(error).__name__, where=where(error))
            raise
        finally:
            telemetry.count(metrics.DURATION, (time.perf_counter() - began) * 1000)
            telemetry.flush()

    def session(self, asked: object = None) -> Session:
        return self.opened(self.tenant(asked))

    def opened(self, tenant: str | None) -> Session:
        """The session of this tenant, as `session`."""
        found = self._sessions.get(tenant)
        if found is None:
            alarms = self._options.get("alarms") or os.environ.get(ALARMS) or None
            workflows = self._options.get("workflows") or os.environ.get(WORKFLOWS) or self._machines
            found = self.app.open(self.store(), tenant=tenant, alarms=alarms, workflows=workflows)
            self._sessions[tenant] = found
            if len(self._sessions) > TENANTS_KEPT:
                _, oldest = self._sessions.popitem(last=False)
                oldest.close()
        self._sessions.move_to_end(tenant)
        return found

    def aside(self) -> Aside | None:
        where = self._options.get("aside") or os.environ.get(ASIDE)
        if self._aside is None and where:
            self._aside = Aside(objects(where), self.handler)
        return self._aside

    def close(self) -> None:
        """Close every session: before a snapshot, and at the end of a test."""
        self._aside = None
        while self._sessions:
            self._sessions.popitem()[1].close()

    def restored(self) -> None:
        """After a snapshot was restored: nothing that was open still is, and no two containers draw the same lots."""
        self._sessions.clear()
        self._aside = None
        self._cold = True
        random.seed()

    def tenant(self, asked: object) -> str | None:
        """Whose a request or a record is. Raises Rejected where a function was given and names nobody."""
        tenant = self._options.get("tenant")
        if callable(tenant):
            named = tenant(asked)
            if not named:
                raise Rejected("it names no tenant.", field="tenant")  # and is nobody's: least of all everybody's
            return named
        return tenant or os.environ.get(TENANT) or None

    def store(self) -> str | Backend:
        """What is opened. Raises ConfigError where nobody said."""
        store = self._options.get("store") or os.environ.get(STORE)
        if not store:
            raise ConfigError(f"no store: set {STORE}, as dynamodb:bank, or pass store=.")
        return store


def _level(options: Options) -> Level:
    given = options.get("level") or os.environ.get(LEVEL, "info").lower()
    for level in LEVELS:
        if level == given:
            return level
    raise ConfigError(f"{LEVEL}={given!r} is not one of {', '.join(LEVELS)}.")


def objects(where: str | Objects) -> Objects:
    """The object store that a URL names, or the one given."""
    from leftfold.connect import open_objects

    return open_objects(where) if isinstance(where, str) else where


def archive_objects(given: str | Objects | None) -> Objects:
    """Where segments are: as a handler was told, or as its environment says."""
    where = given or os.environ.get(ARCHIVE)
    if not where:
        raise ConfigError(f"no archive: set {ARCHIVE}, as s3:BUCKET/PREFIX, or pass archive=.")
    return objects(where)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _snapshots(container: Container) -> None:
    """Hooks for SnapStart, where Lambda's package for them is there."""
    try:
        hooks: Any = import_module("snapshot_restore_py")
    except ImportError:
        return
    hooks.register_before_snapshot(container.close)
    hooks.register_after_restore(container.restored)
