"""Checking: stored history against today's code. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold.check.impure import impurities
from leftfold.check.open_runs import OpenRuns, bare
from leftfold.core.errors import IntegrityError, LeftfoldError
from leftfold.core.runs import Reacted
from leftfold.core.schema import event_types
from leftfold.core.state import frozen_fields, is_frozen
from leftfold.core.taking import takes
from leftfold.core.views import AnyView, View
from leftfold.core.workflow_runs import RUN_EVENTS
from leftfold.processes.process import process_name
from leftfold.processes.react import Reacting, reaction_name
from leftfold.projections.builds import build_version
from leftfold.projections.project import Fold
from leftfold.projections.tables import TableFold
from leftfold.publish.rules import publish_name
from leftfold.session import Session
from leftfold.subscriptions.feed import STEPS

EXAMPLES: Final = 3  # positions that a finding names; the rest are counted

Level = Literal["error", "warning", "note"]

CODES: Final[dict[str, Level]] = {
    "unknown-type": "error",  # a stored type that the code doesn't know
    "misfit": "error",  # an event that no longer fits its class, or whose upcast fails
    "damaged": "error",  # bytes that aren't what was written
    "impure-fold": "error",  # a clock or chance in evolve, an upcast or a view
    "live-version-gone": "error",  # a view serves a version that isn't in the code any more
    "run-version-gone": "error",  # runs are open that follow a version of a process or workflow that isn't in the code
    "parked": "error",  # lanes wait for a decision
    "changed-view": "warning",  # a view's code changed under an old version
    "impure-decision": "warning",  # a clock or chance in decide, boundary or streams
    "impure-reaction": "warning",
    "impure-process": "warning",  # a clock or chance in a process's react
    "impure-public": "warning",  # a clock or chance in what makes an event public
    "impure-event": "warning",  # a field that an old event lacks is filled by a clock or by chance
    "mutable-state": "warning",  # an initial state or row that can be changed in place
    "renamed-reaction": "warning",  # a reaction that would react to all of history again
    "new-reaction": "note",
    "orphan-reaction": "note",
    "renamed-process": "warning",  # a process that would take all of history again, with no memory of what it did
    "new-process": "note",
    "orphan-process": "note",
    "renamed-destination": "warning",  # a destination that would get all of history again
    "new-destination": "note",
    "orphan-destination": "note",
    "unfed": "note",  # a view, a reaction, a process or a destination takes events of which none is stored
    "unfollowed": "note",  # events that nothing takes
}

OnProgress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""


class Finding(Struct, frozen=True):
    """Something to look at. `code` is stable, for programs; the message says the next step.

    `positions` are the first few places in the log, `count` how many there are.
    """

    level: Level
    code: str
    message: str
    positions: list[int] = []
    count: int = 0


def check(session: Session, on_progress: OnProgress = lambda done, total: None) -> list[Finding]:
    """All findings, the worst first. Every stored event is decoded once."""
    history = _History()
    found = [*history.read(session, on_progress), *_unfed(session, history), *_impure(session), *_mutable(session)]
    found += [*_builds(session), *_parked(session), *_outward(session, history), *_open(session, history)]
    order: tuple[Level, ...] = ("error", "warning", "note")
    return sorted(found, key=lambda one: order.index(one.level))


def _finding(code: str, message: str, positions: Sequence[int] = (), count: int = 0) -> Finding:
    return Finding(CODES[code], code, message, list(positions), count)


class _Trouble:
    """One kind of trouble with one stored type: where, and what the first one said."""

    def __init__(self, error: LeftfoldError) -> None:
        self.first = str(error)
        self.positions: list[int] = []
        self.count = 0

    def add(self, position: int) -> None:
        self.count += 1
        if len(self.positions) < EXAMPLES:
            self.positions.append(position)


class _History:
    """What the log holds, by stored type."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.end = 0
        self.runs = OpenRuns()

    def read(self, session: Session, on_progress: OnProgress) -> Iterator[Finding]:
        troubles: dict[tuple[str, str], _Trouble] = {}
        known = session.app.schema.types
        end = session.backend.log.end()
        while page := session.backend.log.page(after=self.end):
            for stored in page:
                self.counts[stored.type] = self.counts.get(stored.type, 0) + 1
                try:
                    if stored.type in STEPS and session.app.runs is None:  # whoever shows no runs passes them by
                        self.runs.see(bare(session.codec.peek(stored)))
                        continue
                    event = session.codec.decode(stored)
                    if stored.type in STEPS:
                        self.runs.see(event)
                except LeftfoldError as error:
                    code = (
                        "damaged"
                        if isinstance(error, IntegrityError)
                        else "misfit"
                        if stored.type in known
                        else "unknown-type"
                    )
                    troubles.setdefault((code, stored.type), _Trouble(error)).add(stored.position)
            self.end = page[-1].position
            on_progress(self.end, max(end, self.end))
        for (code, _), trouble in troubles.items():
            yield _finding(code, trouble.first, trouble.positions, trouble.count)


def _unfed(session: Session, history: _History) -> Iterator[Finding]:
    """Events that nothing follows, and followers that nothing feeds."""
    schema = session.app.schema
    followed: set[type] = set()
    for what, types in _subscriptions(session):
        followed.update(types)
        for one in types:
            if history.end and not any(history.counts.get(name) for name in schema.stored_names([one])):
                yield _finding("unfed", f"{what} takes {one.__name__}, of which none is stored.")
    followed.update((Reacted, *RUN_EVENTS))  # by those whose they are
    for one in dict.fromkeys(schema.current.values()):
        if one not in followed:
            what = "is taken by no view and no reaction, process or workflow, and is not published"
            yield _finding("unfollowed", f"{one.__name__} {what}.")


def _subscriptions(session: Session) -> Iterator[tuple[str, tuple[type, ...]]]:
    for view in session.app.views:
        if view is not session.app.runs:
            yield f"view {view.name!r} version {view.version}", _fold(view).types
    for process in session.app.processes:
        yield f"process {process.name!r} version {process.version}", takes(process).correlate.types
    for workflow in session.app.workflows:
        if awaited := tuple(dict.fromkeys(one for node in workflow.awaits() for one in node.events)):
            yield f"workflow {workflow.name!r} version {workflow.version}", awaited
    for name, reaction in session.app.reactions.items():
        yield f"reaction {name!r}", Reacting(name, reaction).types
    for name, destination in session.app.destinations.items():
        yield f"destination {name!r}", destination.types


def _fold(view: AnyView) -> Fold | TableFold:
    return Fold(view) if isinstance(view, View) else TableFold(view)


_IMPURE: Final = {
    "impure-fold": "a fold of the same events would differ; put the value in the event",
    "impure-decision": "put the value in the command, to test and repeat it",
    "impure-reaction": "sent again, an event would send something else; take the value from the event",
    "impure-process": "tried again, a step would be another; take the value from the event",
    "impure-public": "sent again, an event would be another; take the value from the event",
    "impure-event": "an event stored without that field would read differently each time",
}


def _impure(session: Session) -> Iterator[Finding]:
    """Clocks and chance where the same history must give the same answer."""
    events = dict.fromkeys(event for decider in session.app.deciders for event in event_types(decider))
    parts: list[tuple[str, Any]] = [("impure-fold", one) for one in _folds(session)]
    for decider in session.app.deciders:
        names = (name for name in ("decide", "boundary", "streams") if hasattr(decider, name))
        parts += [("impure-decision", getattr(decider, name)) for name in names]
    parts += [("impure-reaction", one) for one in session.app.reactions.values()]
    parts += [("impure-process", one.react) for one in session.app.processes]
    rules = [rule for one in session.app.destinations.values() for rule in one.rules.values()]
    parts += [("impure-public", one) for one in dict.fromkeys(rule.publish.as_ for rule in rules)]
    parts += [("impure-event", one) for one in events]
    for code, part in parts:
        for what in impurities(part, *(event for event in events if event is not part)):
            yield _finding(code, f"{_name(part)} reaches {what}: {_IMPURE[code]}.")


def _name(thing: Any) -> str:
    """A function, method or class as `module.name`; another callable by its class."""
    named = thing if hasattr(thing, "__qualname__") else thing.__class__
    return f"{named.__module__}.{named.__qualname__}"


def _folds(session: Session) -> Iterator[Any]:
    """Every function of which history is the only input."""
    for decider in session.app.deciders:
        yield decider.evolve
        yield from getattr(decider, "upcasts", ())
    for process in session.app.processes:
        yield process.correlate
        yield process.evolve
    for workflow in session.app.workflows:
        yield from (one for one in (workflow.evolve_data, *(node.key for node in workflow.awaits())) if one is not None)
    for view in session.app.views:
        if isinstance(view, View):
            yield view.evolve
            if view.key is not None:
                yield view.key
            yield from view.indexes.values()
        else:
            yield view.apply


def _mutable(session: Session) -> Iterator[Finding]:
    states: list[tuple[str, object]] = [
        (f"the initial state of {one.category!r}", one.initial) for one in session.app.deciders
    ]
    states += [(f"the initial memory of process {one.name!r}", one.initial) for one in session.app.processes]
    for view in session.app.views:
        if isinstance(view, View) and view is not session.app.runs:
            initial: object = view.initial
            states.append((f"the initial row of view {view.name!r}", initial))
    for what, initial in states:
        if not is_frozen(initial):
            kind, step = type(initial), "Make it frozen."
            by = next((name for name in frozen_fields(kind) if not is_frozen(getattr(initial, name))), None)
            if by is not None:
                step = f"Its class is frozen, the {type(getattr(initial, by)).__name__} in {by!r} is not."
            message = f"{what} ({kind.__name__}) can be changed in place: it is copied for each use. {step}"
            yield _finding("mutable-state", message)


def _builds(session: Session) -> Iterator[Finding]:
    """The builds as they are: nothing is made for a version that has none yet."""
    for name, builds in session.builds.items():
        now = builds.builds()
        rebuild = f"`leftfold views APP rebuild {name}`"
        if now.live and build_version(now.live) not in builds.versions:
            yield _finding(
                "live-version-gone",
                f"view {name!r} serves {now.live}, whose version is no longer in the code: it stands still. "
                f"{rebuild} and promote, or restore the version.",
            )
        for build in (now.live, now.candidate, now.previous):
            if build and builds.is_changed(build):
                yield _finding(
                    "changed-view",
                    f"the code of {build} changed without a new version: old rows and new ones may differ. "
                    f"Raise the version of view {name!r}, then {rebuild} and promote.",
                )


def _parked(session: Session) -> Iterator[Finding]:
    for name in _subscribers(session):
        parked = session.backend.checkpoints.load(name).parked
        if parked:
            message = (
                f"{name} has parked lanes ({len(parked)}): `leftfold dead APP` says why, retry or skip frees them."
            )
            yield _finding("parked", message, sorted(parked.values())[:EXAMPLES], len(parked))


def _open(session: Session, history: _History) -> Iterator[Finding]:
    for (name, version), positions in history.runs.gone(session.app).items():
        message = (
            f"{len(positions)} open runs of {name!r} follow version {version}, which is not in the code: they stand still. "
            "Declare that version beside the newer one until they are over."
        )
        yield _finding("run-version-gone", message, positions[:EXAMPLES], len(positions))


def _subscribers(session: Session) -> Iterator[str]:
    for builds in session.builds.values():
        now = builds.builds()
        yield from (build for build in (now.live, now.candidate, now.previous) if build)
    yield from map(reaction_name, session.app.reactions)
    yield from dict.fromkeys(f"process:{one.name}" for one in session.app.processes)
    yield from dict.fromkeys(f"workflow:{one.name}" for one in session.app.workflows)
    yield from map(publish_name, session.app.destinations)


def _outward(session: Session, history: _History) -> Iterator[Finding]:
    """What sends or publishes, under a new name, begins at the first event: all of history would go out once more."""
    app = session.app
    reactions = {name: Reacting(name, one).types for name, one in app.reactions.items()}
    yield from _begun(session, history, "reaction", reaction_name(""), reactions, _KEEP_REACTION)
    processes: dict[str, tuple[type, ...]] = {}
    for one in app.processes:
        processes[one.name] = (*processes.get(one.name, ()), *takes(one).correlate.types)
    yield from _begun(session, history, "process", process_name(""), processes, _KEEP_PROCESS)
    destinations = {name: one.types for name, one in app.destinations.items()}
    yield from _begun(session, history, "destination", publish_name(""), destinations, _KEEP_DESTINATION)


_KEEP_REACTION: Final = "it will react to all {events:,} events again: keep the name with reactions={{{old!r}: {new}}}"
_KEEP_PROCESS: Final = (
    "it will take all {events:,} events again, as {new}, without what {old!r} remembers: keep the name"
)
_KEEP_DESTINATION: Final = "all {events:,} events will be published again, to {new}"
_STARTS: Final = {
    "reaction": "it will react to history from the start",
    "process": "it will take history from the start",
    "destination": "history will be published there from the start",
}


def _begun(
    session: Session, history: _History, kind: str, prefix: str, ours: Mapping[str, tuple[type, ...]], keep: str
) -> Iterator[Finding]:
    """What of a kind has never run, and what ran and is not in the code."""
    ran = {name.removeprefix(prefix) for name in session.backend.checkpoints.names() if name.startswith(prefix)}
    gone = sorted(ran - ours.keys())
    for name in ours.keys() - ran:
        stored = session.app.schema.stored_names(ours[name])
        events = sum(history.counts.get(one, 0) for one in stored)
        if events and gone:
            why = keep.format(events=events, old=gone[0], new=name)
            before = ", ".join(map(repr, gone))
            message = f"{kind} {name!r} has never run, and {before} ran but is not in the code. If renamed, {why}."
            yield _finding(f"renamed-{kind}", message, count=events)
        elif events:
            message = f"{kind} {name!r} has never run: {_STARTS[kind]} ({events:,} events)."
            yield _finding(f"new-{kind}", message, count=events)
    if not ours.keys() - ran:
        for name in gone:
            yield _finding(f"orphan-{kind}", f"{kind} {name!r} ran but is not in the code any more.")
