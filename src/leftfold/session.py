"""A session: an app opened on a store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from leftfold.app import App
from leftfold.category import AnyCategory, BoundaryCategory, Category, category_of
from leftfold.codec.envelope import Codec
from leftfold.core.decider import BoundaryDecider, Decider
from leftfold.core.errors import ConfigError, StoreUnavailable
from leftfold.core.events import Recorded
from leftfold.core.runs import RUNS, Owner
from leftfold.core.streams import check_count
from leftfold.core.views import AnyView, SqlView, View
from leftfold.dcb import Boundary
from leftfold.delivering import Delivering
from leftfold.explain import Explanation, explain
from leftfold.handling.decide import Deciding
from leftfold.handling.sending import Outbox
from leftfold.ingest.declared import Ingest
from leftfold.loops import Followers, Loops
from leftfold.operations import OnProgress, Operations, Role
from leftfold.ports.alarms import Alarms
from leftfold.ports.backend import Backend
from leftfold.ports.machines import Machines
from leftfold.ports.store import PAGE_EVENTS
from leftfold.processes.instances import Instances
from leftfold.processes.process import Running
from leftfold.processes.react import Reacting, Reactor
from leftfold.projections.builds import ViewBuilds
from leftfold.projections.reading import TableReader, ViewReader
from leftfold.publish.relay import OpenPublisher, Relay
from leftfold.subscriptions.bell import Bell
from leftfold.subscriptions.feed import interest
from leftfold.subscriptions.follow import Follower, Work
from leftfold.timers.firing import Timers
from leftfold.timers.runs import parked_runs, runs_of
from leftfold.tracing import Trace, trace

if TYPE_CHECKING:
    from leftfold.aside import Aside
    from leftfold.core.workflows import Workflow
    from leftfold.ingest.marks import Marks
    from leftfold.ingest.taking import Ingesting
    from leftfold.workflow import WorkflowRuns
    from leftfold.workflows.perform import Performing

C = TypeVar("C")
D = TypeVar("D")
S = TypeVar("S")
E = TypeVar("E")
Row = TypeVar("Row")


class Session:
    """Commands, queries, the log and its followers, on one store and for one tenant. Safe to share between threads."""

    def __init__(
        self,
        app: App,
        backend: Backend,
        open_publisher: OpenPublisher,
        alarms: Alarms | None = None,
        machines: Machines | None = None,
    ) -> None:
        self.app, self.backend, self.machines = app, backend, machines
        self.codec = Codec(app.schema, backend.tenant)
        self.builds = {name: self._builds(name) for name in dict.fromkeys(view.name for view in app.views)}
        if backend.tables is None and any(isinstance(view, SqlView) for view in app.views):
            raise ConfigError(f"app {app.name!r} has a SqlView, and {backend.url} speaks no SQL: open sqlite:PATH.")
        self._bell = Bell(backend.poll_s)
        self._owner = os.urandom(8).hex()
        self._categories = {id(decider): self._category(decider) for decider in app.deciders}
        self._categories |= {id(one): self._starting(one) for one in app.workflows}
        self._followers: dict[str, Follower] = {}
        self._deliver = Delivering(app.name, self._categories, self._bell.ring)
        self._outbox = Outbox([*app.deciders, *app.workflows])
        self._processes = self._running()
        self._performing = {name: self._performer(name) for name in dict.fromkeys(one.name for one in app.workflows)}
        self._relays = {name: self._relay(name, open_publisher) for name in app.destinations}
        self._works: dict[tuple[Role, str], Work] = {
            **{("reaction", name): self._reactor(name) for name in app.reactions},
            **{("process", name): process for name, process in self._processes.items()},
            **{("workflow", name): self._runner(name) for name in self._performing},
            **{("publisher", name): relay for name, relay in self._relays.items()},
        }
        self._owners: dict[str, Owner] = {**self._processes, **self._performing}
        parked = partial(parked_runs, app, backend)
        self.timers = None if app.runs is None else Timers(self.builds[RUNS], backend, self._owners, parked, alarms)
        if alarms is not None:
            self._works |= {
                place: self._alarming(*place) for place in self._works if place[0] in ("process", "workflow")
            }
        self._marks: dict[str, Marks] = {}
        self._loops: Loops | None = None
        self._closed = False

    @overload
    def category(  # type: ignore[overload-overlap]  # the narrower shape comes first, and wins
        self, decider: BoundaryDecider[C, S, E]
    ) -> BoundaryCategory[C, S, E]: ...  # pyright: ignore[reportOverlappingOverload]
    @overload
    def category(self, decider: Decider[C, S, E]) -> Category[C, S, E]: ...
    def category(self, decider: Decider[Any, Any, Any]) -> AnyCategory:
        """The decider at work here: handle commands, read state and events. Raises ConfigError for one not of the app."""
        found = self._categories.get(id(decider))
        if found is None:
            raise ConfigError(f"{decider!r} is no decider of app {self.app.name!r}: add it to deciders=[...].")
        return found

    @overload
    def view(self, view: View[Row]) -> ViewReader[Row]: ...
    @overload
    def view(self, view: SqlView) -> TableReader: ...
    def view(self, view: AnyView) -> ViewReader[Any] | TableReader:
        """A view's rows: those of its live build. Raises ConfigError for a view that is not of the app."""
        builds = self.builds.get(getattr(view, "name", ""))
        if builds is None or view not in self.app.views:
            raise ConfigError(f"{view!r} is no view of app {self.app.name!r}: add it to views=[...].")
        if isinstance(view, SqlView):
            return TableReader(builds, self.backend)
        return ViewReader[Any](builds, self.backend, self._bell)

    def workflow(self, workflow: Workflow[D]) -> WorkflowRuns[D]:
        """The workflow's runs here: start, status, answer, retry. Raises ConfigError for one that is not of the app."""
        if workflow not in self.app.workflows:
            raise ConfigError(f"{workflow!r} is no workflow of app {self.app.name!r}: add it to workflows=[...].")
        from leftfold.workflow import WorkflowRuns

        return WorkflowRuns(cast("Any", self._categories[id(workflow)]), self._performing[workflow.name])

    def performing(self, workflow: str) -> Performing:
        """What performs the steps of the runs of a workflow, by its name: for who conducts them elsewhere."""
        if workflow not in self._performing:
            raise ConfigError(f"{workflow!r} is no workflow of app {self.app.name!r}: add it to workflows=[...].")
        return self._performing[workflow]

    def log(self, *, after: int = 0) -> Iterator[Recorded[object]]:
        """All events in one order, positions dense, from the one after position `after` to the end as it is then.

        An event whose type today's code doesn't know has `Unknown` data.
        """
        check_count(after, "after")
        self.backend.log.place({})  # what was appended here is in it, wherever the log is written
        while True:
            page = self.backend.log.page(after=after)
            for stored in page:
                yield self.codec.decode_or_unknown(stored)
            if len(page) < PAGE_EVENTS:
                return
            after = page[-1].position

    def ingest(self, ingest: Ingest[Any], *, aside: Aside | None = None) -> Ingesting:
        """The ingest at work here: `take(records)`. What can't be taken goes to `aside`."""
        if ingest not in self.app.ingest:
            raise ConfigError(f"{ingest!r} is no ingest of app {self.app.name!r}: add it to ingest=[...].")
        from leftfold.ingest.marks import Marks
        from leftfold.ingest.taking import Ingesting

        marks = self._marks.setdefault(ingest.name, Marks())
        return Ingesting(ingest, self.backend, self.codec, marks, self._bell.ring, aside)

    def dcb(self) -> Boundary:
        """The dcb.events form: `read(query)`, `append(events, condition)`."""
        return Boundary(self.backend, self.codec, self._bell.ring)

    def explain(self, view: View[Any], key: str) -> Explanation:
        """Which events, commands and actors made this row what it is, step by step."""
        return explain(self.backend, self.codec, self.app.schema, self.builds[view.name], key)

    def trace(self, event_id: str) -> Trace:
        """The causation tree that an event belongs to: command, events, and what reactions sent on."""
        return trace(self.backend, self.codec, event_id)

    @property
    def operations(self) -> Operations:
        """Status, rebuild, diff, promote, rollback, dead letters: for operators."""
        view = self.app.runs
        runs = None if view is None else runs_of(self.app, self.view(view), self.backend, self.codec)
        return Operations(self.app, self.backend, self.codec, self.builds, self.follower, self._works, runs)

    def catch_up(self, on_progress: OnProgress = lambda done, total: None) -> int:
        """Bring all that follows the log to its end, and fire the timers that are due, until nothing is left to do.

        Returns how many events were passed, by each what was appended on the way included.
        `on_progress` hears (position, log's end) of the one that is moving, after each page.
        """

        def told(position: int) -> None:
            on_progress(position, max(position, self.backend.log.end()))

        passed = 0
        while True:
            placed = self.backend.log.place()
            moved = sum(follower.catch_up(told) for source in self.sources().values() for follower in source())
            fired = self._fire()
            if not placed and not moved and not fired:
                return passed
            passed += moved

    def start(self) -> None:
        """Start the background loops; `close` stops them."""
        if self._loops is None:
            self._loops = Loops(self.sources(), self.backend, self._bell, self.timers)
            self._loops.start()

    def close(self) -> None:
        """Stop the loops, let go of leases, close the store. What was acknowledged stays."""
        if self._closed:
            return
        self._closed = True
        if self._loops is not None:
            self._loops.stop()
        for follower in self._followers.values():
            try:
                follower.release()
            except StoreUnavailable:
                break  # a lease that can't be released runs out by itself
        for relay in self._relays.values():
            relay.close()
        if self.timers is not None:
            self.timers.close()
        if self.machines is not None:
            self.machines.close()
        self.backend.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def follower(self, work: Work) -> Follower:
        """The one follower of a subscriber in this session."""
        return self._followers.setdefault(work.subscriber, Follower(work, self.backend, self._owner, self._bell))

    def sources(self) -> dict[str, Followers]:
        """Whatever follows the log here, by name: each gives its followers, of a view's builds the one that serves first.

        Names are `view NAME`, `reaction:NAME` and so on. For those who step them by themselves, as Lambda's handlers do.
        """
        views: dict[str, Followers] = {
            f"view {name}": self._view_source(builds) for name, builds in self.builds.items()
        }
        return views | {work.subscriber: self._source(work) for work in self._works.values()}

    def _fire(self) -> int:
        """Fire what is due. Raises the store's trouble, once all that it left alone has fired."""
        look = self.timers.fire() if self.timers is not None else None
        if look is not None and look.trouble is not None:
            raise look.trouble
        return 0 if look is None else look.fired

    def _view_source(self, builds: ViewBuilds) -> Followers:
        return lambda: [self.follower(builds.work(build)) for build in builds.maintained()]

    def _source(self, work: Work) -> Followers:
        followers: Sequence[Follower] = [self.follower(work)]
        return lambda: followers

    def _builds(self, name: str) -> ViewBuilds:
        versions = [view for view in self.app.views if view.name == name]
        return ViewBuilds(versions, self.backend, self.codec, self.app.schema)

    def _category(self, decider: Decider[Any, Any, Any]) -> AnyCategory:
        deciding: Deciding[Any, Any] = Deciding(decider, self.backend, self.codec)
        return category_of(decider, deciding, self._bell.ring)

    def _reactor(self, name: str) -> Reactor:
        reacting = Reacting(name, self.app.reactions[name])
        wanted = interest(self.app.schema, reacting.types)
        return Reactor(reacting, wanted, self.codec, self.backend.checkpoints, self._deliver)

    def _running(self) -> dict[str, Running]:
        if not self.app.processes:
            return {}
        found: dict[str, Running] = {}
        for name in dict.fromkeys(process.name for process in self.app.processes):
            versions = [process for process in self.app.processes if process.name == name]
            instances = Instances(versions, self._outbox, self.codec)
            found[name] = Running(instances, self._outbox, self.backend, self.codec, self._deliver, self._bell.ring)
        return found

    def _alarming(self, role: Role, name: str) -> Work:
        from leftfold.timers.alarming import Alarming

        timers = self.timers
        return (
            self._works[role, name] if timers is None else Alarming(self._works[role, name], name, self.codec, timers)
        )

    def _starting(self, workflow: Workflow[Any]) -> AnyCategory:
        from leftfold.workflows.starting import Starting  # who declares no workflows needn't load how they run

        return self._category(Starting(workflow))

    def _performer(self, name: str) -> Performing:
        from leftfold.workflows.perform import Performing
        from leftfold.workflows.trying import Post

        versions = [one for one in self.app.workflows if one.name == name]
        return Performing(
            versions,
            Deciding(versions[-1], self.backend, self.codec),
            self._bell.ring,
            Post(self._outbox, self._deliver),
            self.backend.clock,
            scope=f"{self.app.name}/{self.backend.tenant}",
            conducted=self.machines is not None,
        )

    def _runner(self, name: str) -> Work:
        from leftfold.workflows.runner import Runner

        performing = self._performing[name]
        wanted = interest(self.app.schema, performing.types)
        return Runner(performing, wanted, self.codec, self.backend.checkpoints, self.machines)

    def _relay(self, name: str, open_publisher: OpenPublisher) -> Relay:
        tenant = self.backend.tenant
        source = f"{self.app.name}/{tenant}" if tenant else self.app.name
        return Relay(self.app.destinations[name], source, self.codec, self.backend, open_publisher)
