"""D2: throttling, 500s, time-outs, lost replies and partial batches, all through an app's life: never half of anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, Session, StoreUnavailable, View
from leftfold.adapters.dynamodb.appending import Drafts
from leftfold.adapters.dynamodb.calls import Calls
from leftfold.core.errors import LeftfoldError
from tests.dynamodb_reliability.opening import Opener
from tests.dynamodb_reliability.ticking import Broken, Paired, Ticked, counting, judge, pairing, tick
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import BROKEN, CONFLICT, IN_PROGRESS, LOST, PARTIAL, SLOW_DOWN, Faults, Where, anywhere

Figure = Callable[[str, object], None]

SESSIONS = 2
EVERY = 12  # commands between two looks at the views
WITH_IDS = (1, 2, 4, 5, 6)  # kinds of `tick` that may be repeated
EVERYWHERE = {
    "PutItem", "TransactWriteItems", "UpdateItem", "GetItem", "Query", "BatchGetItem", "GetRecords"
}  # fmt: skip


class Row(Struct, frozen=True):
    count: int = 0
    last: str = ""


def counted(row: Row, event: Ticked | Paired) -> Row:
    return Row(row.count + 1, event.name)


class Touchy:
    """A fold that can't bear some events, until somebody mends it."""

    def __init__(self) -> None:
        self.mended = False

    def evolve(self, row: Row, event: Ticked | Paired) -> Row:
        if event.name.endswith("7") and not self.mended:
            raise ValueError(event.name)
        return Row(row.count + 1, event.name)


class Life:
    """An app with commands, views and dead letters, in a weather; then in fair weather it is looked at."""

    def __init__(self, opener: Opener, commands: int, seed: int, share: float, where: Where = anywhere) -> None:
        self.faults, self.touchy = Faults(seed), Touchy()
        views = [
            View("counts", initial=Row(), evolve=counted),
            View("touchy", initial=Row(), evolve=self.touchy.evolve),
        ]
        self.app = App("life", deciders=[counting, pairing], views=views)
        self.acknowledged: list[str] = []
        self.unsure: list[str] = []
        self.unavailable = 0
        self._opener = opener
        opener(self.app).catch_up()
        sessions = [opener(self.app, self.faults) for _ in range(SESSIONS)]
        self.faults.rate(0.4, PARTIAL, on=("BatchGetItem",))
        self.faults.rate(share, *SLOW_DOWN, *BROKEN, *LOST, CONFLICT, IN_PROGRESS, PARTIAL, where=where)
        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(lambda at: self._live(sessions[at], f"own{at}", commands // SESSIONS), range(SESSIONS)))
        self.faults.calm()
        for session in sessions:
            session.close()  # their leases go: nobody need wait for them to run out

    def _live(self, session: Session, own: str, commands: int) -> None:
        for number in range(commands):
            tries = 3 if number % 8 in WITH_IDS else 1
            told = any(self._goes_well(lambda number=number: tick(session, own, number)) for _ in range(tries))
            (self.acknowledged if told else self.unsure).append(f"{own}-{number}")
            if number % EVERY == 0 and own == "own0":  # one follows the views, else each waits for the other's leases
                self._goes_well(session.catch_up)
                self._goes_well(lambda: list(session.view(self.app.views[0]).scan()))  # type: ignore[arg-type]
                self._goes_well(lambda: self._retry(session))

    def _goes_well(self, act: Callable[..., object]) -> bool:
        try:
            act()
        except StoreUnavailable:
            self.unavailable += 1
            return False
        return True

    def _retry(self, session: Session) -> None:
        parked = {(one.subscriber, one.lane) for one in session.operations.dead_letters()}
        for subscriber, lane in sorted(parked):
            session.operations.retry(subscriber, lane)

    def judged(self) -> int:
        """Raises Broken where a promise was. Returns the events in the log."""
        with self._opener(self.app) as session:
            session.catch_up()
            there = Counter(getattr(event.data, "name", "") for event in session.log())
            events = judge(session, [*self.acknowledged, *(name for name in self.unsure if name in there)])
            parked = session.operations.dead_letters()
            if not parked:
                raise Broken("nothing was parked")
            self.touchy.mended = True
            self._retry(session)
            wanted: dict[str, Row] = {}
            for event in session.log():
                wanted[event.stream.key] = counted(wanted.get(event.stream.key, Row()), event.data)  # type: ignore[arg-type]
            for view in self.app.views:
                rows = dict(session.view(view).scan())  # type: ignore[arg-type]
                if rows != wanted:
                    raise Broken(f"view {view.name} is not the fold of the history: {rows} {wanted}")
            return events


@pytest.mark.parametrize("commands", [240, pytest.param(6_000, marks=pytest.mark.soak)])
def test_what_is_retried_within_the_deadline_is_never_noticed(
    opener: Opener, aws: Aws, commands: int, record_property: Figure
) -> None:
    life = Life(opener, commands, seed=1, share=0.3)
    assert life.unavailable == 0
    assert life.judged() == commands
    befallen = {call.operation for call in aws.calls.since() if call.fault}
    assert befallen >= EVERYWHERE
    record_property(
        "figure",
        f"D2: {commands} commands, {sum(life.faults.injected.values())} faults of {len(life.faults.injected)} kinds on "
        f"{len(befallen)} operations: none noticed, views = fold(history)",
    )


@pytest.mark.parametrize("commands", [240, pytest.param(6_000, marks=pytest.mark.soak)])
def test_past_the_deadline_it_is_an_error_and_never_half(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, commands: int, record_property: Figure
) -> None:
    assert Calls.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Calls.__init__.__kwdefaults__, "patience_s", 0.01)
    life = Life(opener, commands, seed=2, share=0.4)
    monkeypatch.undo()
    assert life.unavailable > 10
    events = life.judged()
    record_property(
        "figure",
        f"D2: {commands} commands without patience, {sum(life.faults.injected.values())} faults: {life.unavailable} "
        f"StoreUnavailable, {len(life.acknowledged)} acknowledged, {events} in the log, each once, views = fold(history)",
    )


# planted bugs


def leaves_out_rows_that_fail(patch: pytest.MonkeyPatch) -> None:
    """A row that can't be written is passed over, and the view goes on."""
    call = Calls.call

    def hushed(calls: Calls, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return call(calls, operation, **parameters)
        except StoreUnavailable:
            if operation == "update_item" and parameters["TableName"].endswith("-views"):
                return {}
            raise

    patch.setattr(Calls, "call", hushed)


def swallows_what_is_unavailable(patch: pytest.MonkeyPatch) -> None:
    """Tells every caller that it was written."""
    write = Drafts.write

    def hushed(drafts: Drafts, draft: Any) -> Any:
        try:
            return write(drafts, draft)
        except StoreUnavailable:
            return None

    patch.setattr(Drafts, "write", hushed)


def on_views(call: Call) -> bool:
    return str(call.parameters.get("TableName", "")).endswith("-views")


BUGS = (leaves_out_rows_that_fail, swallows_what_is_unavailable)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None], record_property: Figure
) -> None:
    assert Calls.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Calls.__init__.__kwdefaults__, "patience_s", 0.0)
    bug(monkeypatch)
    with pytest.raises((Broken, LeftfoldError)) as caught:
        Life(opener, 64, seed=3, share=0.2, where=on_views if bug is leaves_out_rows_that_fail else anywhere).judged()
    record_property("figure", f"D2 teeth: {bug.__name__}: {str(caught.value)[:60]}")
