"""Runs as their callers meet them: started once, looked at, answered, taken up again; natively, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct

from leftfold import App, BadKey, ConfigError, Recorded, Send, Session, Step, Workflow, send
from leftfold.adapters.memory import Memory
from leftfold.core.errors import NotEncodable, Rejected
from leftfold.core.runs import Run
from leftfold.core.workflows import RUN_ID_BYTES, AnyNode
from leftfold.requests.commands import Asked, Commands, Done, Failure
from leftfold.testing import FrozenClock
from leftfold.testing.clock import START
from leftfold.workflows import Attempt, Await, Choice, Parallel, Retry, Wait
from leftfold.workflows.trying import Try
from tests.processes.test_zones import TWICE, Autumn
from tests.workflows.shop import Did, Note, Order, Paid, Pay, Put, Shelf, noted, paid_for, put, shelf, till


class Desk(Struct):
    """A session in the hands of a test, and its clock."""

    clock: FrozenClock
    memory: Memory
    sessions: list[Session]

    def open(self, *workflows: Workflow[Order], app: App | None = None) -> Session:
        for earlier in self.sessions:
            earlier.close()  # its leases with it
        app = app or App("shop", deciders=[shelf, till], workflows=workflows)
        self.sessions.append(app.open(self.memory.open("")))
        return self.sessions[-1]


@pytest.fixture
def desk() -> Iterator[Desk]:
    clock = FrozenClock()
    desk = Desk(clock, Memory(clock), [])
    yield desk
    for session in desk.sessions:
        session.close()


def one_step(name: str = "one", *, version: int = 1, what: str = "it") -> Workflow[Order]:
    return Workflow(name, data=Order, steps=[Step("put", do=put(what), undo=put("back"))], version=version)


def test_a_run_is_started_once(desk: Desk) -> None:
    workflow = one_step()
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    assert runs.start("1", Order("1"), actor="ann", correlation_id="c", command_id="s") != ""
    assert runs.start("1", Order("1"), command_id="s") != "", "the first one's receipt"
    assert runs.start("1", Order("1")) == "", "nothing was appended that could be waited for"
    with pytest.raises(Rejected, match="other data"):
        runs.start("1", Order("2"))
    session.catch_up()
    runs.start("1", Order("1"))
    session.catch_up()
    assert session.category(shelf).state("1") == ("it",)
    (did,) = [one for one in session.log() if isinstance(one.data, Did)]
    assert (did.meta.correlation_id, did.meta.actor, did.meta.causation_id) == ("c", "workflow:one", "one/1@2")


def test_what_a_run_sent_is_in_its_tree_of_causes(desk: Desk) -> None:
    workflow = one_step()
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"), actor="ann")
    session.catch_up()
    told = session.trace("shelf/1@1")
    assert [event.type for event in told.events] == ["workflow.sending"]
    assert [sent.by for sent in told.events[0].sent] == ["workflow:one"]


def test_data_that_no_step_could_read_starts_nothing(desk: Desk) -> None:
    workflow = one_step()
    runs = desk.open(workflow).workflow(workflow)
    with pytest.raises(NotEncodable):
        runs.start("1", Order(7))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(NotEncodable, match="starts with Order"):
        runs.start("1", Note("x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(Rejected, match="no run"):
        runs.status("1")


def test_a_workflow_that_the_app_does_not_have_is_refused(desk: Desk) -> None:
    session = desk.open(one_step())
    with pytest.raises(ConfigError, match="no workflow of app"):
        session.workflow(one_step("another"))
    with pytest.raises(ConfigError, match="no workflow of app"):
        session.performing("another")


def test_a_reaction_and_another_workflow_start_runs(desk: Desk) -> None:
    inner = one_step("inner")
    outer = Workflow("outer", data=Order, steps=[Step("go", do=lambda order: send(inner, order.id, order))])

    def on_payment(event: Recorded[Paid]) -> list[Send]:
        return [send(outer, event.key, Order(event.key))]

    app = App("shop", deciders=[shelf, till], workflows=[inner, outer], reactions=[on_payment])
    session = desk.open(app=app)
    session.category(till).handle("7", Pay(1))
    session.category(till).handle("7", Pay(1))
    session.catch_up()
    assert session.category(shelf).state("7") == ("it",)
    assert session.workflow(inner).status("7").status == session.workflow(outer).status("7").status == "done"
    assert session.operations.dead_letters() == []


def test_a_run_stays_with_the_version_that_began_it(desk: Desk) -> None:
    def versioned(version: int) -> Workflow[Order]:
        steps: list[AnyNode] = [Wait("pause", for_s=60), Step("put", do=put(f"by {version}"))]
        return Workflow("one", data=Order, steps=steps, version=version)

    first, second = versioned(1), versioned(2)
    session = desk.open(first)
    session.workflow(first).start("old", Order("old"))
    session.catch_up()
    both = desk.open(second, first)
    both.workflow(second).start("new", Order("new"))
    both.catch_up()
    desk.clock.forward(61)
    both.catch_up()
    assert both.category(shelf).state("old") == ("by 1",)
    assert both.category(shelf).state("new") == ("by 2",)
    assert [both.workflow(second).status(key).version for key in ("old", "new")] == [1, 2]


def test_a_run_whose_version_is_gone_waits_for_it(desk: Desk) -> None:
    first, second = one_step(), one_step(version=2)
    desk.open(first).workflow(first).start("1", Order("1"))
    later = desk.open(second)
    later.workflow(second).start("2", Order("2"))
    later.catch_up()
    assert later.category(shelf).state("2") == ("it",)
    (letter,) = later.operations.dead_letters()
    assert (letter.subscriber, letter.lane, letter.kind) == ("workflow:one", "stream:one/1", "poison")
    assert "began with version 1" in letter.error
    both = desk.open(second, first)
    assert both.operations.retry("workflow:one", "stream:one/1") == 0
    assert both.workflow(first).status("1").status == "done"


def test_pauses_between_tries_grow_and_are_kept(desk: Desk) -> None:
    tried: list[tuple[int, datetime | None]] = []

    def fails(order: Order, attempt: Attempt) -> None:
        tried.append((attempt.number, attempt.deadline))
        raise OSError("down")

    retry = Retry(times=4, first_s=10, factor=3, max_s=60)
    workflow = Workflow("one", data=Order, steps=[Step("call", do=fails, retry=retry, timeout_s=5)])
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    for seconds, numbers in ((0, 1), (9, 1), (1, 2), (29, 2), (1, 3), (59, 3), (1, 4)):
        desk.clock.forward(seconds)
        session.catch_up()
        assert len(tried) == numbers, f"after {desk.clock}"
    assert session.workflow(workflow).status("1").status == "compensated"
    assert tried[0] == (1, START + timedelta(seconds=5))
    assert [number for number, _ in tried] == [1, 2, 3, 4]


def test_an_exception_that_is_not_to_be_retried_ends_the_step(desk: Desk) -> None:
    class Broken(Exception): ...

    def fails(order: Order) -> None:
        raise Broken("for good")

    workflow = Workflow("one", data=Order, steps=[Step("call", do=fails, retry=Retry(on=(OSError,)))])
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    assert session.workflow(workflow).status("1").errors == {"call": "Broken: for good"}


def test_a_timer_fires_in_time_and_once(desk: Desk) -> None:
    workflow = Workflow(
        "one", data=Order, steps=[Wait("pause", until=lambda order: START + timedelta(hours=1)), Await("answer")]
    )
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    owner, at = session.performing("one"), START + timedelta(hours=1)
    desk.clock.forward(3599)
    assert not owner.fire("1", "pause", at)
    desk.clock.forward(1)
    assert not owner.fire("1", "pause", at + timedelta(seconds=1)), "another time than it is set for"
    assert not owner.fire("1", "another", at)
    assert not owner.fire("2", "pause", at)
    assert owner.fire("1", "pause", at)
    assert not owner.fire("1", "pause", at)
    session.catch_up()
    assert session.workflow(workflow).status("1").waits_for == ("answer",)


def approvals(timeout_s: float | None = None) -> Workflow[Order]:
    steps: list[AnyNode] = [
        Step("put", do=put("it"), undo=put("back")),
        Await("approval", answer=Note, timeout_s=timeout_s),
        Step("end", do=put("end")),
    ]
    return Workflow("one", data=Order, steps=steps, evolve=noted)


def test_somebody_answers(desk: Desk) -> None:
    workflow = approvals(60)
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    runs.start("1", Order("1"))
    session.catch_up()
    assert (runs.status("1").status, runs.status("1").waits_for) == ("waiting", ("approval",))
    runs.answer("1", "approval", Note("yes"), actor="ann")
    runs.answer("1", "approval", Note("yes"))
    with pytest.raises(Rejected, match="no answer any more"):
        runs.answer("1", "approval", Note("no"))
    session.catch_up()
    desk.clock.forward(61)
    session.catch_up()
    assert (runs.status("1").status, runs.status("1").data.notes) == ("done", ("yes",))
    (answered,) = [one for one in session.log() if one.type == "workflow.answered"]
    assert answered.meta.actor == "ann"


def test_an_answer_may_come_before_it_is_asked_for(desk: Desk) -> None:
    workflow = approvals()
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    runs.start("1", Order("1"))
    runs.answer("1", "approval", Note("early"))
    session.catch_up()
    assert (runs.status("1").status, runs.status("1").data.notes) == ("done", ("early",))


def test_no_answer_in_time_undoes_what_was_done(desk: Desk) -> None:
    workflow = approvals(60)
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    runs.start("1", Order("1"))
    session.catch_up()
    desk.clock.forward(59)
    session.catch_up()
    assert runs.status("1").status == "waiting"
    desk.clock.forward(1)
    session.catch_up()
    assert runs.status("1").status == "compensated"
    assert runs.status("1").errors == {"approval": "no answer came in time"}
    assert session.category(shelf).state("1") == ("it", "back")
    with pytest.raises(Rejected, match="no answer any more"):
        runs.answer("1", "approval", Note("late"))


def test_answers_that_nobody_asked_for_are_refused(desk: Desk) -> None:
    workflow = approvals()
    runs = desk.open(workflow).workflow(workflow)
    with pytest.raises(Rejected, match="no run"):
        runs.answer("1", "approval", Note("x"))
    runs.start("1", Order("1"))
    with pytest.raises(ConfigError, match="has no step 'nothing'"):
        runs.answer("1", "nothing", Note("x"))
    with pytest.raises(ConfigError, match="nobody's answer"):
        runs.answer("1", "put", Note("x"))
    for wrong in (Put("x"), None):
        with pytest.raises(Rejected, match="another answer"):
            runs.answer("1", "approval", wrong)
    with pytest.raises(Rejected, match="only a failed one"):
        runs.retry("1")


def test_each_event_answers_one_await_of_its_own_run(desk: Desk) -> None:
    steps: list[AnyNode] = [
        Parallel("both", branches=[[Await("first", key=paid_for)], [Await("second", key=paid_for)]]),
        Step("end", do=put("end")),
    ]
    workflow = Workflow("one", data=Order, steps=steps, evolve=noted)
    session = desk.open(workflow)
    session.category(till).handle("1", Pay(1))  # before the run began: none of its business
    session.catch_up()
    for key in ("1", "2"):
        session.workflow(workflow).start(key, Order(key))
    session.category(till).handle("1", Pay(2))
    session.category(till).handle("9", Pay(2))
    session.catch_up()
    assert session.workflow(workflow).status("1").waits_for == ("second",)
    assert session.workflow(workflow).status("2").waits_for == ("first", "second")
    session.category(till).handle("1", Pay(3))
    session.category(till).handle("1", Pay(4))
    session.catch_up()
    assert session.workflow(workflow).status("1").data.notes == ("paid 2", "paid 3")
    assert session.operations.dead_letters() == []


def test_an_event_that_another_version_awaits_answers_nothing(desk: Desk) -> None:
    first = Workflow("one", data=Order, steps=[Await("note", answer=Note)], evolve=noted)
    second = Workflow("one", data=Order, steps=[Await("paid", key=paid_for)], evolve=noted, version=2)
    session = desk.open(first, second)
    session.workflow(first).start("1", Order("1"))
    session.category(till).handle("1", Pay(2))
    session.catch_up()
    assert session.workflow(first).status("1").waits_for == ("note",)
    assert session.operations.dead_letters() == []


def test_branches_see_what_was_before_them_and_not_each_other(desk: Desk) -> None:
    seen: dict[str, tuple[str, ...]] = {}

    def step(name: str) -> Step[Order]:
        def do(order: Order) -> Note:
            seen[name] = order.notes
            return Note(name)

        return Step(name, do=do)

    steps: list[AnyNode] = [
        step("a"),
        Parallel("p", branches=[[step("b"), step("c")], [step("d"), step("e")]]),
        step("f"),
    ]
    workflow = Workflow("one", data=Order, steps=steps, evolve=noted)
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    assert seen == {"a": (), "b": ("a",), "c": ("a", "b"), "d": ("a",), "e": ("a", "d"), "f": tuple("abcde")}


def test_new_data_replaces_the_old(desk: Desk) -> None:
    def renew(order: Order) -> Order:
        return Order(order.id, order.kind, ("new",))

    workflow = Workflow("one", data=Order, steps=[Step("renew", do=renew)])
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1", notes=("old",)))
    session.catch_up()
    assert session.workflow(workflow).status("1").data.notes == ("new",)


def test_a_step_that_returns_what_it_did_not_announce_is_given_up(desk: Desk) -> None:
    workflow = Workflow(
        "one", data=Order, steps=[Step("note", do=lambda order: Note("?"), retry=Retry(times=1))], evolve=noted
    )
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    assert "in no annotation" in session.workflow(workflow).status("1").errors["note"]


def test_an_undo_that_fails_stops_the_run_until_an_operator_lets_it_go_on(desk: Desk) -> None:
    broken = [True]

    def back(order: Order) -> Send:
        return send(shelf, order.id, Put("refuse" if broken else "back"))

    steps: list[AnyNode] = [
        Step("first", do=put("first"), undo=put("back first")),
        Step("second", do=put("second"), undo=back),
        Step("end", do=put("refuse")),
    ]
    workflow = Workflow("one", data=Order, steps=steps)
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    runs.start("1", Order("1"))
    session.catch_up()
    assert (runs.status("1").status, runs.status("1").undone) == ("failed", ())
    assert "refuse" in runs.status("1").errors["second"]
    runs.retry("1", actor="op")
    session.catch_up()
    assert runs.status("1").status == "failed"
    broken.clear()
    runs.retry("1", actor="op")
    session.catch_up()
    assert (runs.status("1").status, runs.status("1").undone) == ("compensated", ("first", "second"))
    assert session.category(shelf).state("1") == ("first", "second", "back", "back first")


def test_a_bug_in_a_pure_function_parks_its_run_and_no_other(desk: Desk) -> None:
    wrong = {"1"}

    def by(order: Order) -> str:
        return "nowhere" if order.id in wrong else "on"

    workflow = Workflow("one", data=Order, steps=[Choice("way", by=by, branches={"on": [Step("put", do=put("it"))]})])
    session = desk.open(workflow)
    for key in ("1", "2"):
        session.workflow(workflow).start(key, Order(key))
    session.catch_up()
    assert session.workflow(workflow).status("2").status == "done"
    (letter,) = session.operations.dead_letters()
    assert letter.lane == "stream:one/1"
    assert "no branch 'nowhere'" in letter.error
    wrong.clear()
    assert session.operations.retry("workflow:one", "stream:one/1") == 0
    assert session.workflow(workflow).status("1").status == "done"


def test_runs_are_rows_and_the_subscriber_has_a_status(desk: Desk) -> None:
    workflow = approvals(60)
    app = App("shop", deciders=[shelf, till], workflows=[workflow])
    session = desk.open(app=app)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    assert app.runs is not None
    row = session.view(app.runs).get("one/1")
    assert row == Run(
        kind="workflow",
        name="one",
        version=1,
        status="waiting",
        began=row.began,
        moved=row.moved,
        last="one/1@4",
        timers={"approval": START + timedelta(seconds=60)},
    )
    (mine,) = [one for one in session.operations.status() if one.role == "workflow"]
    assert (mine.subscriber, mine.health.state, mine.health.lag) == ("workflow:one", "ok", 0)


def test_rebuilding_the_view_of_runs_performs_nothing(desk: Desk) -> None:
    workflow = one_step()
    session = desk.open(workflow)
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    end = session.backend.log.end()
    session.operations.rebuild("runs")
    session.operations.promote("runs")
    session.catch_up()
    assert session.backend.log.end() == end


def test_two_tenants_have_runs_and_outside_ids_of_their_own(desk: Desk) -> None:
    ids: list[str] = []

    def call(order: Order, attempt: Attempt) -> None:
        ids.append(attempt.id)

    workflow = Workflow("one", data=Order, steps=[Step("call", do=call)])
    app = App("shop", deciders=[shelf], workflows=[workflow])
    for tenant in ("acme", "other"):
        session = app.open(desk.memory.open(tenant))
        desk.sessions.append(session)
        session.workflow(workflow).start("k" * RUN_ID_BYTES, Order("1"))
        with pytest.raises(BadKey):
            session.workflow(workflow).start("k" * (RUN_ID_BYTES + 1), Order("1"))
        session.workflow(workflow).start("1", Order("1"))
        session.catch_up()
    assert len(set(ids)) == 4
    assert "shop/acme/one/1:call" in ids
    assert max(map(len, ids)) <= 255


def test_a_run_is_started_by_a_request(desk: Desk) -> None:
    workflow = one_step()
    app = App("shop", deciders=[shelf], workflows=[workflow])
    session, commands = desk.open(app=app), Commands(app)
    asked = Asked("one", "Order", "1", Raw(b'{"id": "1"}'), command_id="c", actor="ann")
    told = [commands.answer(lambda: session, asked) for _ in range(2)]
    assert [isinstance(one, Done) and one.repeated for one in told] == [False, True]
    assert b'"workflow.started"' in msgspec.json.encode(told[0])
    other = commands.answer(lambda: session, Asked("one", "Order", "1", Raw(b'{"id": "2"}')))
    assert isinstance(other, Failure)
    assert other.problem.status == 422
    session.catch_up()
    assert session.workflow(workflow).status("1").status == "done"


@pytest.mark.parametrize("until", [START.replace(tzinfo=None), None, 5], ids=["naive", "none", "seconds"])
def test_a_wait_until_what_is_no_time_parks_its_run(desk: Desk, until: Any) -> None:
    wrong = {"1"}

    def when(order: Order) -> datetime:
        found: datetime = until if order.id in wrong else desk.clock.now()
        return found

    workflow = Workflow("one", data=Order, steps=[Wait("pause", until=when)])
    session = desk.open(workflow)
    for key in ("1", "2"):
        session.workflow(workflow).start(key, Order(key))
    session.catch_up()
    assert session.workflow(workflow).status("2").status == "done"
    (letter,) = session.operations.dead_letters()
    assert (letter.lane, "an aware time" in letter.error) == ("stream:one/1", True)
    wrong.clear()
    session.operations.retry("workflow:one", "stream:one/1")
    session.catch_up()
    assert session.workflow(workflow).status("1").status == "done"


def test_a_wait_until_an_hour_that_comes_twice_ends_at_the_one_that_was_said(desk: Desk) -> None:
    until = TWICE.replace(tzinfo=Autumn(), fold=1)
    workflow = Workflow("one", data=Order, steps=[Wait("pause", until=lambda order: until)])
    session = desk.open(workflow)
    desk.clock.forward((datetime(2026, 10, 25, 0, 30, tzinfo=UTC) - desk.clock.now()).total_seconds())
    session.workflow(workflow).start("1", Order("1"))
    session.catch_up()
    assert session.workflow(workflow).status("1").status == "waiting"
    desk.clock.forward(3600)
    session.catch_up()
    assert session.workflow(workflow).status("1").status == "done"


def test_a_step_that_somebody_else_settles_meanwhile_is_not_tried_on_and_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner finds out when it has read the target, and leaves the run to what was appended."""
    tries: list[int] = []
    make = Try.make

    def counted(self: Try) -> None:
        tries.append(1)
        make(self)

    monkeypatch.setattr(Try, "make", counted)
    reads: list[int] = []
    armed: list[int] = []

    class Slow(Shelf):
        category = "slow"

        def evolve(self, things: tuple[str, ...], event: Did) -> tuple[str, ...]:
            reads.append(1)
            if armed and len(reads) == 1:
                other.performing("one").give_up("1", "put", "do", "it was lost")
            return super().evolve(things, event)

    slow = Slow()
    workflow = Workflow("one", data=Order, steps=[Step("put", do=lambda order: send(slow, "1", Put("it")))])
    app = App("shop", deciders=[slow], workflows=[workflow])
    other = app.open(desk.memory.open(""))
    session = desk.open(app=app)
    session.category(slow).handle("1", Put("before"))
    session.workflow(workflow).start("1", Order("1"))
    desk.open(app=app)  # which knows no state of the target
    reads.clear()
    armed.append(1)
    session = desk.sessions[-1]
    session.catch_up()
    assert session.workflow(workflow).status("1").status == "compensated"
    assert len(tries) <= 2, "once to say what it sends, and perhaps once more to find out"
    other.close()


def test_an_undo_that_was_mended_sends_what_is_new_and_not_again_what_was_taken(desk: Desk) -> None:
    """It is asked anew: its commands may be others, and in another order."""
    wanted = ["kept", "refuse"]

    def back(order: Order) -> list[Send]:
        return [send(shelf, order.id, Put(what)) for what in wanted]

    steps: list[AnyNode] = [Step("first", do=put("first"), undo=back), Step("end", do=put("refuse"))]
    workflow = Workflow("one", data=Order, steps=steps)
    session = desk.open(workflow)
    runs = session.workflow(workflow)
    runs.start("1", Order("1"))
    session.catch_up()
    assert runs.status("1").status == "failed"
    assert session.category(shelf).state("1") == ("first", "kept")
    wanted[:] = ["mended", "kept", "twice", "twice"]
    runs.retry("1")
    session.catch_up()
    assert runs.status("1").status == "compensated"
    assert session.category(shelf).state("1") == ("first", "kept", "mended", "twice", "twice")
