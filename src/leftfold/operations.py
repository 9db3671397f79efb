"""Operations: what an operator does to a running app. Status, side-by-side rebuilds, dead letters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold.app import App
from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, Conflict
from leftfold.explain import changes, key_events
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter
from leftfold.ports.rows import Builds, Row
from leftfold.projections.builds import ViewBuilds, build_version
from leftfold.subscriptions.deadletters import drain, skip
from leftfold.subscriptions.follow import Follower, Work
from leftfold.subscriptions.health import Health, health
from leftfold.timers.runs import Runs

OnProgress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""

MAX_FLIPS: Final = 20  # promote catches up and tries again while live traffic outruns it
NAMED_EVENTS: Final = 20  # a difference names at most so many events, the newest

Role = Literal["live", "candidate", "previous", "reaction", "process", "workflow", "publisher"]


class SubscriberStatus(Struct, frozen=True):
    """One build of a view, a reaction, a process, a workflow, or a destination that is published to.

    `in_code` False: its version is gone from the code, it no longer moves. `changed` True: the code is not the one that
    began this build; rebuild it.
    """

    name: str
    role: Role
    subscriber: str
    in_code: bool
    changed: bool
    health: Health
    refused: int


class Difference(Struct, frozen=True):
    """A row that two builds disagree on. `fields` as in explain; `events` are the ids that made the row, newest last."""

    key: str
    fields: dict[str, tuple[Any, Any]]
    events: list[str]


class Operations:
    """For operators and the command line; the application itself needs none of this."""

    def __init__(
        self,
        app: App,
        backend: Backend,
        codec: Codec,
        builds: Mapping[str, ViewBuilds],
        follower: Callable[[Work], Follower],
        works: Mapping[tuple[Role, str], Work],
        runs: Runs | None = None,
    ) -> None:
        self._app, self._backend, self._codec = app, backend, codec
        self._builds, self._follower, self._works = builds, follower, works
        self._runs = runs

    def status(self) -> list[SubscriberStatus]:
        """Every build, and all else that follows the log, with its health."""
        refused = {name: count for (name, kind), count in self._backend.dead.count().items() if kind == "refused"}
        found: list[SubscriberStatus] = []
        for name, builds in self._builds.items():
            now = builds.ensure()
            for role in ("live", "candidate", "previous"):
                build: str | None = getattr(now, role)
                if build is not None:
                    in_code = build_version(build) in builds.versions
                    state = health(self._backend, self._codec, build)
                    found.append(SubscriberStatus(name, role, build, in_code, builds.is_changed(build), state, 0))
        for (kind, name), work in self._works.items():
            state = health(self._backend, self._codec, work.subscriber)
            count = refused.get(work.subscriber, 0)
            found.append(SubscriberStatus(name, kind, work.subscriber, True, False, state, count))
        return found

    def rebuild(self, name: str, on_progress: OnProgress = lambda done, total: None) -> str:
        """Build the newest version beside the live one, silently; take up an unfinished rebuild. Returns the build.

        Stop it at any time: what is done stays, and the next call goes on. The live build serves all the while.
        """
        builds = self._named(name)
        now = builds.ensure()
        candidate = now.candidate
        in_code = candidate is not None and build_version(candidate) in builds.versions
        if candidate is None or not in_code or self._is_finished(candidate) or builds.is_changed(candidate):
            candidate = builds.restart()
        self._catch_up(builds, candidate, on_progress)
        return candidate

    def diff(self, name: str, on_progress: OnProgress = lambda done, total: None) -> Iterator[Difference]:
        """The rows in which the candidate and the live build differ, in key order, both brought to the log's end first.

        Raises ConfigError when there is no candidate.
        """
        builds = self._named(name)
        now = builds.ensure()
        old, new = now.live or "", self._candidate(name, now)
        for build in (old, new):
            if build_version(build) in builds.versions:
                self._catch_up(builds, build, on_progress)
        if builds.is_sql:
            yield from self._diff_tables(builds, old, new)
            return
        before, after = builds.fold(old), builds.fold(new)
        for key, one, other in _paired(self._rows(old), self._rows(new)):
            first, second = one and before.decode(one), other and after.decode(other)
            if first != second:
                events = key_events(self._backend, self._codec, self._app.schema, after, key)
                yield Difference(key, changes(first, second), [event.id for event in events][-NAMED_EVENTS:])

    def _diff_tables(self, builds: ViewBuilds, old: str, new: str) -> Iterator[Difference]:
        """A SqlView's rows that only one build has. Which events made a row is known to its author's SQL alone."""
        for table in builds.sql_view(new).tables:
            for row in builds.rows_without(table, old, new):
                yield Difference(table, {"row": (row, None)}, [])
            for row in builds.rows_without(table, new, old):
                yield Difference(table, {"row": (None, row)}, [])

    def promote(self, name: str) -> Builds:
        """Let the candidate serve. It is brought to where the live build is first, so no reader sees the view go back."""
        builds = self._named(name)
        for _ in range(MAX_FLIPS):
            now = builds.ensure()
            candidate = self._candidate(name, now)
            self._catch_up(builds, candidate)
            after = Builds(live=candidate, candidate=None, previous=now.live)
            if builds.flip(now, after, caught_up=True):
                return after
        raise Conflict(f"the builds of view {name!r}", 0, 0)

    def rollback(self, name: str) -> Builds:
        """Let the previous build serve again; the one that served becomes the candidate."""
        builds = self._named(name)
        for _ in range(MAX_FLIPS):
            now = builds.ensure()
            if now.previous is None:
                raise ConfigError(f"view {name!r} has no previous build to go back to.")
            in_code = build_version(now.previous) in builds.versions
            if in_code:
                self._catch_up(builds, now.previous)
            after = Builds(live=now.previous, candidate=now.live, previous=None)
            if builds.flip(now, after, caught_up=in_code):
                return after
        raise Conflict(f"the builds of view {name!r}", 0, 0)

    def digest(self, name: str) -> str:
        """SHA-256 over all rows of the live build, in key order: equal views have equal digests."""
        found = hashlib.sha256()
        builds = self._named(name)
        live = builds.ensure().live or ""
        if builds.is_sql:
            rows = (row for table in builds.sql_view(live).tables for row in builds.all_rows(table, live))
            for text in sorted(repr(row) for row in rows):
                found.update(text.encode() + b"\n")
        else:
            for row in self._rows(live):
                found.update(row.key.encode() + b"\0" + (row.body or b"") + b"\n")
        return found.hexdigest()

    def dead_letters(self, subscriber: str | None = None, *, limit: int = 1000) -> list[DeadLetter]:
        """What was set aside, oldest first: poison, queued, refused and skipped."""
        return self._backend.dead.list(subscriber, limit=limit)

    def retry(self, subscriber: str, lane: str) -> int:
        """Fold or send a parked lane's events again, in order. Returns how many still wait: 0 when the lane is free."""
        return drain(self._work(subscriber), self._backend, lane)

    def skip(self, subscriber: str, lane: str, *, reason: str) -> int:
        """Give up the event that parks the lane; the reason is kept. Then as `retry`."""
        return skip(self._work(subscriber), self._backend, lane, reason)

    @property
    def runs(self) -> Runs:
        """The runs of processes and workflows: all, the open ones, those that are stuck and why. ConfigError without any."""
        if self._runs is None:
            raise ConfigError(f"app {self._app.name!r} has neither processes nor workflows, and so no runs.")
        return self._runs

    def _named(self, name: str) -> ViewBuilds:
        if name not in self._builds:
            known = ", ".join(self._builds) or "none"
            raise ConfigError(f"app {self._app.name!r} has no view {name!r} (views: {known}).")
        return self._builds[name]

    def _candidate(self, name: str, now: Builds) -> str:
        if now.candidate is None:
            raise ConfigError(f"view {name!r} has no candidate: run `leftfold views APP rebuild {name}` first.")
        return now.candidate

    def _is_finished(self, build: str) -> bool:
        return self._backend.checkpoints.load(build).position >= self._backend.log.end()

    def _catch_up(self, builds: ViewBuilds, build: str, on_progress: OnProgress = lambda done, total: None) -> None:
        follower = self._follower(builds.work(build))
        follower.catch_up(lambda position: on_progress(position, max(position, self._backend.log.end())))

    def _work(self, subscriber: str) -> Work:
        for work in self._works.values():
            if work.subscriber == subscriber:
                return work
        for builds in self._builds.values():
            now = builds.ensure()
            if subscriber in (now.live, now.candidate, now.previous):
                return builds.work(subscriber)
        known = ", ".join(self._backend.checkpoints.names()) or "none yet"
        raise ConfigError(f"there is no subscriber {subscriber!r} (subscribers: {known}).")

    def _rows(self, build: str) -> Iterator[Row]:
        after = ""
        while page := self._backend.rows.scan(build, after=after):
            yield from page
            after = page[-1].key


def _paired(first: Iterator[Row], second: Iterator[Row]) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Two runs of rows in key order, side by side."""
    one, other = next(first, None), next(second, None)
    while one is not None or other is not None:
        if one is not None and (other is None or one.key.encode() < other.key.encode()):
            yield one.key, one, None
            one = next(first, None)
        elif other is not None and (one is None or other.key.encode() < one.key.encode()):
            yield other.key, None, other
            other = next(second, None)
        elif one is not None:
            yield one.key, one, other
            one, other = next(first, None), next(second, None)
