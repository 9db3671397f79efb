"""An app: a value that says what exists. Opened on a URL it becomes a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leftfold.core.annotations import label, members, parameter, unwrap
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.processes import AnyProcess, Reaction
from leftfold.core.runs import REACTED, RUNS, Reacted, runs_of
from leftfold.core.schema import Schema
from leftfold.core.streams import check_category
from leftfold.core.taking import takes
from leftfold.core.views import AnyView, SqlView, View, check_name
from leftfold.core.workflow_runs import RUN_EVENTS
from leftfold.core.workflows import Workflow

if TYPE_CHECKING:
    from leftfold.ingest.declared import Ingest
    from leftfold.ports.alarms import Alarms
    from leftfold.ports.backend import Backend
    from leftfold.ports.machines import Machines
    from leftfold.publish.rules import Destination, Publish
    from leftfold.session import Session


class App:
    """Deciders, views, reactions, processes, workflows and what is published. A value: building one does nothing yet.

    `reactions` are functions, known on disk by their names; `{"name": function}` keeps a name through a renaming.
    `processes` and `workflows` may hold several versions of one; what has begun is in the view `runs`, which comes along.
    `events` adds event classes that no decider emits, for appends in the dcb form. `publish` says which events are public,
    as what, and where they go: see leftfold.publish. `ingest` says which records of devices become events: see
    leftfold.ingest. Raises ConfigError for what can't work: two classes under one name on disk, a view of events that
    nobody emits, missing annotations.
    """

    def __init__(
        self,
        name: str,
        *,
        deciders: Sequence[Decider[Any, Any, Any]] = (),
        views: Sequence[AnyView] = (),
        reactions: Sequence[Reaction] | Mapping[str, Reaction] = (),
        processes: Sequence[AnyProcess] = (),
        events: Any = (),
        publish: Sequence[Publish] = (),
        ingest: Sequence[Ingest[Any]] = (),
        workflows: Sequence[Workflow[Any]] = (),
    ) -> None:
        check_name("app", name)
        self.name = name
        self.deciders = tuple(deciders)
        self.reactions = _named(reactions)
        self.processes = tuple(processes)
        self.schema = Schema()
        for decider in self.deciders:
            _check_decider(decider)
            self.schema.add_decider(decider)
        if events != ():
            self.schema.add(members(events), names={}, upcasts=())
        self.workflows = tuple(sorted(workflows, key=lambda one: one.version))
        for workflow in self.workflows:
            self.schema.add_decider(workflow)
        self.ingest = tuple(ingest)
        for source in self.ingest:
            self.schema.add(source.types, names=source.names, upcasts=source.upcasts)
        _check_once("ingest", [source.name for source in self.ingest])
        moves = self._add_processes() + (list(RUN_EVENTS) if self.workflows else [])
        self.runs = runs_of(moves) if moves else None
        if self.runs is not None and any(view.name == RUNS for view in views):
            raise ConfigError(f"the view {RUNS!r} is made of the app's processes: give yours another name.")
        self.views = tuple(views) if self.runs is None else (*views, self.runs)
        for view in self.views:
            self._check_subscription(repr(view), view.apply if isinstance(view, SqlView) else view.evolve, 1)
            if isinstance(view, View) and view.key is not None:
                _check_key(view, view.key)
        for reaction_name, react in self.reactions.items():
            self._check_subscription(f"reaction {reaction_name!r}", react, 0)
        for workflow in self.workflows:
            for node in workflow.awaits():
                self.schema.check_subscription(f"{workflow!r}: await {node.name!r}", node.events)
        self.destinations = _destinations(self.schema, publish)
        names = [*dict.fromkeys(one.name for one in self.processes), *dict.fromkeys(one.name for one in self.workflows)]
        _check_once("category", [*(decider.category for decider in self.deciders), *names])
        _check_once("workflow version", [f"{workflow.name}@{workflow.version}" for workflow in self.workflows])
        _check_once("view version", [f"{view.name}@{view.version}" for view in self.views])
        for table in {view.name: view for view in self.views}.values():
            kinds = {type(view) for view in self.views if view.name == table.name}
            if len(kinds) > 1:
                raise ConfigError(f"{table.name!r} is both a View and a SqlView: give one another name.")

    def open(
        self,
        url: str | Backend,
        *,
        tenant: str | None = None,
        alarms: str | Alarms | None = None,
        workflows: str | Machines | None = None,
    ) -> Session:
        """A session on a store: `memory:`, `sqlite:PATH`, with `tenant` on that tenant's own data. Use it with `with`.

        `alarms` ring for timers where no session runs until they are due, as `sqs:QUEUE`. `workflows` run their state
        machines, as `states:ARN_PREFIX`; else they run here. Raises ConfigError for a URL that names no store,
        StoreUnavailable for one that can't be opened, IntegrityError for an empty one whose archive is not empty.
        """
        from leftfold.connect import connect, open_alarms, open_machines, open_publisher, refuse_emptied
        from leftfold.session import Session

        if not isinstance(url, str) and tenant not in (None, url.tenant):
            raise ConfigError(
                f"this backend is opened for tenant {url.tenant!r}: it can't be opened for {tenant!r} too."
            )
        backend = connect(url, tenant=tenant) if isinstance(url, str) else url
        refuse_emptied(backend)
        rings = open_alarms(alarms) if isinstance(alarms, str) else alarms
        machines = open_machines(workflows) if isinstance(workflows, str) else workflows
        return Session(self, backend, open_publisher, rings, machines)

    def run(self, url: str | Backend, *, tenant: str | None = None) -> Session:
        """As `open`, with background threads that keep all up to date, timers included, until the session closes."""
        session = self.open(url, tenant=tenant)
        session.start()
        return session

    def describe(self) -> dict[str, Any]:
        """All that exists, as plain data: sorted, the same at each call, ready for JSON."""
        from leftfold.describing import describe  # who only opens the app needn't load how

        return describe(self)

    def _add_processes(self) -> list[type]:
        """Take the processes in, each checked. Returns the classes of their own events."""
        for process in self.processes:
            self.schema.check_subscription(repr(process), takes(process).correlate.types)
            self.schema.categories.setdefault(process.name, frozenset((Reacted,)))
        _check_once("process version", [f"{process.name}@{process.version}" for process in self.processes])
        if self.processes:
            self.schema.add((Reacted,), names={Reacted: REACTED}, upcasts=())
        return [Reacted] if self.processes else []

    def _check_subscription(self, who: str, function: Callable[..., Any], event: int) -> None:
        annotation, _ = unwrap(parameter(function, event), Recorded)
        self.schema.check_subscription(who, members(annotation))

    def __repr__(self) -> str:
        return f"App({self.name!r})"


def _destinations(schema: Schema, rules: Sequence[Publish]) -> dict[str, Destination]:
    if not rules:
        return {}
    from leftfold.publish.rules import destinations  # who publishes nothing needn't load how

    return destinations(schema, rules)


def _check_key(view: View[Any], key: Callable[..., Any]) -> None:
    """Refuse a key function that some of the view's events don't fit: a type checker may not see it."""
    if not getattr(key, "__annotations__", None):
        return  # a lambda: it takes what it is given
    events, keyed = (
        members(unwrap(parameter(function, at), Recorded)[0]) for function, at in ((view.evolve, 1), (key, 0))
    )
    for event in events:
        if not issubclass(event, keyed):
            raise ConfigError(
                f"{view!r} takes {event.__qualname__}, and its key {label(key)} does not: widen the key's event."
            )


def _check_decider(decider: Any) -> None:
    """Refuse what can't decide: a class instead of a value, or a value without the four names."""
    if isinstance(decider, type):
        raise ConfigError(f"{decider.__qualname__} is a class: pass a value of it, {decider.__qualname__}().")
    for name in ("category", "initial", "decide", "evolve"):
        if not hasattr(decider, name):
            raise ConfigError(
                f"{decider!r} is no decider: it has no {name!r} (a decider has category, initial, decide, evolve)."
            )
    check_category(decider.category)


def _named(reactions: Sequence[Reaction] | Mapping[str, Reaction]) -> dict[str, Reaction]:
    if isinstance(reactions, Mapping):
        return dict(reactions)
    names = [getattr(reaction, "__name__", "") for reaction in reactions]
    if "<lambda>" in names or "" in names:
        raise ConfigError("a reaction without a name of its own: write reactions={'name': function}.")
    _check_once("reaction", names)
    return dict(zip(names, reactions, strict=True))


def _check_once(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} {name!r} is declared twice: each needs a name of its own.")
