"""What must be true of a store after a simulation, and of each query during it. Told plainly: fold, count, compare."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from leftfold.app import App
from leftfold.codec.envelope import Codec
from leftfold.core.commits import Outcome
from leftfold.core.events import Recorded
from leftfold.core.processes import Send, sent_id
from leftfold.core.streams import Receipt
from leftfold.core.views import View
from leftfold.ports.backend import Backend
from leftfold.ports.rows import Span
from leftfold.processes.react import Reacting, reaction_name
from leftfold.projections.project import Fold
from leftfold.projections.reading import Reading
from leftfold.session import Session
from leftfold.testing.verdicts_processes import check_process
from leftfold.testing.viewing import apply


class Seen:
    """What callers were told."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome[Any, Any]] = {}
        self.receipts: list[tuple[str, Receipt]] = []

    def answered(self, command_id: str, one: Send, outcome: Outcome[Any, Any]) -> None:
        """A command's answer: the same one, however often it is sent. One that decided nothing is not remembered."""
        if not outcome.events:
            assert command_id not in self.outcomes, f"{command_id} was appended, and then answered as if it were not"
            return
        first = self.outcomes.setdefault(command_id, outcome)
        told = [(one.events, one.version, one.receipt, one.state) for one in (first, outcome)]
        assert told[0] == told[1], f"{command_id} was answered with {told[0]} and then with {told[1]}"
        if one.key is not None:
            self.receipts.append((one.key, outcome.receipt))


def check_store(session: Session, seen: Seen) -> None:
    """Raises AssertionError for the first promise that does not hold of the caught-up store."""
    history: list[Recorded[Any]] = list(session.log())
    check_log(history)
    check_commands(session, history, seen)
    for view in session.app.views:
        if isinstance(view, View):
            check_view(session, view, history)
    for name in session.app.reactions:
        check_reaction(session, name, history)
    for name in dict.fromkeys(process.name for process in session.app.processes):
        check_process(session, name, history)


def check_log(history: list[Recorded[Any]]) -> None:
    """Positions and versions are dense, time rises in each stream."""
    positions = [event.position for event in history]
    assert positions == list(range(1, len(history) + 1)), f"the log is not dense: {positions}"
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for event in history:
        for name, version in event.slots:
            versions[name].append(version)
    for name, found in versions.items():
        assert found == list(range(1, len(found) + 1)), f"{name} has the versions {found}"


def check_commands(session: Session, history: list[Recorded[Any]], seen: Seen) -> None:
    """Every command was appended at most once, as one piece, and as its caller was told."""
    commits = commits_of(history)
    for command_id, several in commits.items():
        assert len(several) == 1, f"{command_id} was appended {len(several)} times: {several}"
    for command_id, outcome in seen.outcomes.items():
        assert command_id in commits, f"{command_id} was acknowledged, and is not in the log"
        ((*_, last),) = commits[command_id]
        found = tuple(event.data for event in history if event.meta.command_id == command_id)
        assert found == outcome.events, f"{command_id} is recorded as {found}, its caller was told {outcome.events}"
        place = session.backend.log.locate(outcome.receipt)
        assert place == last, f"the receipt of {command_id} names position {place}, not {last}"


def commits_of(history: list[Recorded[Any]]) -> dict[str, list[list[int]]]:
    """The positions of each command id, by commit: events that stand together, of one stream and time."""
    commits: defaultdict[str, list[list[int]]] = defaultdict(list)
    before: tuple[object, ...] = ()
    for event in history:
        now = event.meta.command_id, event.at, event.slots[0][0]
        if now != before:
            commits[event.meta.command_id].append([])
        commits[event.meta.command_id][-1].append(event.position)
        before = now
    return commits


def check_view(session: Session, view: View[Any], history: list[Recorded[Any]]) -> None:
    """The live build is the fold of the history, its index entries those of its rows."""
    expected: dict[str, Any] = {}
    fold = Fold(view)
    for event in history:
        apply(fold, expected, event)
    build = session.builds[view.name].ensure().live or ""
    if session.builds[view.name].fold(build).view is not view:
        return  # another version of this view serves
    found = dict(session.view(view).scan())
    for key in sorted(expected.keys() | found.keys()):
        told, true = found.get(key, "no row"), expected.get(key, "no row")
        assert told == true, f"view {view.name!r}, row {key!r} is {told!r}; the fold of the history is {true!r}"
    for index, value in view.indexes.items():
        pairs = session.backend.rows.find(build, index, Span(), after=None, limit=len(found) + 1)
        listed = sorted(row.key for _, row in pairs)
        true = sorted(key for key, row in expected.items() if value(row) is not None)
        assert listed == true, f"view {view.name!r}, index {index!r} lists {listed}; its rows say {true}"


def check_reaction(session: Session, name: str, history: list[Recorded[Any]]) -> None:
    """Each command that the history calls for was appended once, or refused, or decided to be nothing."""
    reacting = Reacting(name, session.app.reactions[name])
    letters = session.backend.dead.list(reaction_name(name), limit=10 * len(history) + 10)
    refused = {letter.lane for letter in letters if letter.kind == "refused"}
    appended = {event.meta.command_id for event in history}
    for event in history:
        if isinstance(event.data, reacting.types):
            for index, one in enumerate(reacting.sends(event)):
                command_id = sent_id(name, event.id, index)
                sent = command_id in appended or f"sent:{command_id}" in refused
                assert sent, f"{one.command!r}, which {name!r} sends on {event.id}, never arrived"


def check_read(
    app: App, backend: Backend, view: View[Any], key: str, receipt: Receipt, reading: Reading[Any], before: int
) -> None:
    """A row that claims to contain a write does; one that says it does not was behind (`before`: the checkpoint then)."""
    place = backend.log.locate(receipt)
    assert place is not None
    if reading.stale:
        assert before < place, f"{view.name!r}/{key} had passed position {place}, and a query after it called it stale"
        return
    codec, fold, rows = Codec(app.schema, backend.tenant), Fold(view), dict[str, Any]()
    allowed: list[Any] = []
    for stored in backend.log.page(limit=backend.log.end() + 1):
        apply(fold, rows, codec.decode(stored))
        if stored.position >= place:
            allowed.append(rows.get(key, view.initial))
    assert reading.row in allowed, (
        f"{view.name!r}/{key} claims to contain position {place}, but is {reading.row!r}; since then it was {allowed}"
    )
