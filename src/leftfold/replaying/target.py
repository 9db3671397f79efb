"""What a replay is of: a view's builds, an archive that is this store's own, and the pointer that lets a build be found."""

from __future__ import annotations

from leftfold.archive.log import await_end, live
from leftfold.archive.reader import Archive
from leftfold.core.errors import ConfigError, Conflict
from leftfold.ports.backend import Backend
from leftfold.ports.rows import Builds
from leftfold.projections.builds import MAX_POINTER_RACES, ViewBuilds
from leftfold.session import Session


def named(session: Session, name: str) -> ViewBuilds:
    """The builds of a view that can be replayed. Raises ConfigError."""
    builds = session.builds.get(name)
    if builds is None:
        known = ", ".join(session.builds) or "none"
        raise ConfigError(f"app {session.app.name!r} has no view {name!r} (views: {known}).")
    if builds.is_sql:
        raise ConfigError(
            f"{name!r} is a SqlView: its SQL runs event by event, in one transaction with the checkpoint. Run `leftfold "
            f"views APP rebuild {name}`."
        )
    return builds


def common_end(archive: Archive, backend: Backend) -> int:
    """The archive's end, after a look at whether it is this log's archive."""
    log, end = live(backend.log), archive.end()
    if not end:
        raise ConfigError(
            "there are no segments in this archive: is it the right place, and tenant? `leftfold archive APP` seals the log."
        )
    await_end(backend, end)
    for position in (1, end):
        if archive.page(after=position - 1, limit=1) != log.page(after=position - 1, limit=1):
            raise ConfigError(
                f"the archive has another event at position {position:,} than the store: it isn't its own."
            )
    return end


def point(builds: ViewBuilds, build: str) -> None:
    """Make the build the candidate, in place of whatever candidate there is."""
    for _ in range(MAX_POINTER_RACES):
        now = builds.ensure()
        if now.candidate == build or builds.flip(now, Builds(now.live, build, now.previous), caught_up=False):
            return
    raise Conflict(f"the builds of view {builds.name!r}", 0, 0)
