"""The async facade: the same names, awaited, and nothing decided twice."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, assert_type

import pytest

from leftfold import App, Outcome, Recorded, SqlView, StaleRead, stream
from leftfold.adapters.memory import Memory
from leftfold.aio import (
    AsyncBoundary,
    AsyncBoundaryCategory,
    AsyncCategory,
    AsyncIngesting,
    AsyncSession,
    AsyncTables,
    AsyncView,
    AsyncWorkflowRuns,
    open,
    run,
)
from leftfold.category import BoundaryCategory, Category
from leftfold.core.views import Sql
from leftfold.dcb import Boundary, Condition, Query, QueryItem, Tagged
from leftfold.ingest import EVER, Ingest, Record
from leftfold.ingest.taking import Ingesting
from leftfold.projections.reading import TableReader, ViewReader
from leftfold.session import Session
from leftfold.testing import FrozenClock
from leftfold.testing.sample import (
    Account,
    Command,
    Deposit,
    Deposited,
    Event,
    Open,
    Opened,
    Refused,
    Transfer,
    Withdraw,
    account,
    balances,
    bank,
    credit,
)
from leftfold.workflow import WorkflowRuns
from tests.unit.enrolment import Enrol, Enrolled, Places, enrolment


def apply(sql: Sql, event: Recorded[Deposited]) -> None:
    sql.execute("INSERT INTO {paid_in} VALUES (?, ?)", (event.key, event.data.amount))


paid_in = SqlView("paid_in", schema="CREATE TABLE {paid_in} (key TEXT, cents INTEGER)", apply=apply)
app = App("app", deciders=[account, enrolment], views=[balances, paid_in], reactions=[credit])


async def everything(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


async def transfer(session: AsyncSession) -> Outcome[Account, Event]:
    accounts = session.category(account)
    await accounts.handle("ann", Open("Ann"))
    await accounts.handle("bob", Open("Bob"))
    await accounts.handle("ann", Deposit(100), command_id="req-1", actor="teller-3")
    return await accounts.handle("ann", Transfer("bob", 30))


def test_commands_views_log_and_queries_answer_as_the_session_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with open(app, f"sqlite:{tmp_path}/bank.db") as session:
            accounts = session.category(account)
            assert_type(accounts, AsyncCategory[Command, Account, Event])
            outcome = await transfer(session)
            assert_type(outcome, Outcome[Account, Event])
            assert (outcome.state, outcome.version) == (Account(70, is_open=True), 3)
            assert await session.catch_up() > 0
            assert await accounts.state("bob") == Account(30, is_open=True)
            assert await accounts.state("ann", at=1) == Account(0, is_open=True)
            assert [one.version async for one in accounts.events("ann", after=1)] == [2, 3]
            assert (await accounts.transact("bob", lambda state: [Deposited(state.balance)])).state.balance == 60
            await session.catch_up()

            view = session.view(balances)
            assert await view.get("ann", after=outcome.receipt, wait_s=5) == 70
            assert (await view.get("ann", stale="allow")).exists
            assert await view.contains("bob")
            assert not await view.contains("eve")
            assert await everything(view.find(cents=(60, None))) == [("bob", 60), ("ann", 70)]
            assert await everything(view.scan(after="ann")) == [("bob", 60)]
            rows = await session.view(paid_in).query(
                "SELECT sum(cents) AS cents FROM {paid_in} WHERE key = ?", ("ann",)
            )
            assert rows == [{"cents": 100}]

            found = await everything(session.log(after=2))
            assert found == list(session.sync.log(after=2))
            assert len(found) == 4
            assert (await session.explain(balances, "ann")).agrees
            trace = await session.trace("account/bob@2")
            assert (trace.command, trace.events[0].sent[0].command) == ("Transfer", "Deposit")

    asyncio.run(main())


def test_a_boundary_is_handled_without_a_key_and_in_the_dcb_form() -> None:
    async def main() -> None:
        async with open(app_of_enrolments, "memory:") as session:
            enrolments = session.category(enrolment)
            assert_type(enrolments, AsyncBoundaryCategory[Enrol, Places, Enrolled])
            assert (await enrolments.handle(Enrol("c1", "s7"))).version == 1
            assert await enrolments.state(Enrol("c1", "s8")) == Places((("c1", "s7"),))

            boundary = session.dcb()
            query = Query((QueryItem(tags=(stream("course", "c1"),)),))
            (seen,) = await everything(boundary.read(query))
            again = Tagged(Enrolled("c1", "s8"), (stream("course", "c1"), stream("student", "s8")))
            assert (await boundary.append([again], Condition(query, after=seen.position))).position == 2

    app_of_enrolments = App("enrolments", deciders=[enrolment])
    asyncio.run(main())


def test_a_refusal_passes_unwrapped_and_what_was_read_before_an_error_is_yielded() -> None:
    def numbers() -> Any:
        yield from range(450)
        raise Refused("no more")

    async def main() -> list[int]:
        async with open(bank, "memory:") as session:
            with pytest.raises(Refused, match="no such account"):
                await session.category(account).handle("ann", Withdraw(1))
            seen: list[int] = []
            try:
                async for number in session._threads.each(numbers):
                    seen.append(number)
            except Refused:
                return seen
            raise AssertionError("the error was lost")

    assert asyncio.run(main()) == list(range(450))


def test_a_view_that_is_waited_for_answers_when_the_background_loops_have_come_so_far() -> None:
    async def main() -> None:
        async with run(bank, Memory().open()) as session:
            outcome = await transfer(session)
            assert await session.view(balances).get("ann", after=outcome.receipt, wait_s=60) == 70

    asyncio.run(main())


def test_waiting_readers_never_keep_a_command_from_its_thread() -> None:
    """More readers than threads for commands wait for a write that comes after them."""

    async def main() -> list[int]:
        async with run(bank, "memory:") as session:
            accounts = session.category(account)
            first = await accounts.handle("ann", Open("Ann"))
            await session.view(balances).get("ann", after=first.receipt, wait_s=60)
            coming = type(first.receipt)(first.receipt.replace(".1", ".2"))  # the receipt of the next write
            readers = [
                asyncio.create_task(session.view(balances).get("ann", after=coming, wait_s=60)) for _ in range(100)
            ]
            await asyncio.sleep(0)
            await accounts.handle("ann", Deposit(5))
            return await asyncio.gather(*readers)

    assert asyncio.run(main()) == [5] * 100


def test_a_view_that_does_not_come_so_far_says_so() -> None:
    async def main() -> None:
        async with open(bank, "memory:") as session:
            outcome = await transfer(session)
            with pytest.raises(StaleRead):
                await session.view(balances).get("ann", after=outcome.receipt)
            assert (await session.view(balances).get("ann", after=outcome.receipt, stale="allow")).behind == 4

    asyncio.run(main())


def test_64_concurrent_commands_share_fsyncs(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    transactions: list[str] = []

    async def main() -> int:
        async with open(bank, f"sqlite:{tmp_path}/bank.db") as session:
            accounts = session.category(account)
            await accounts.handle("warm", Open("Up"))
            backend: Any = session.sync.backend
            writer = backend.store._database._writer
            writer.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)
            outcomes = await asyncio.gather(*(accounts.handle(f"a{n}", Open("Ann")) for n in range(64)))
            assert [outcome.version for outcome in outcomes] == [1] * 64
            writer.set_trace_callback(None)
            return len([one async for one in session.log()])

    assert asyncio.run(main()) == 65
    assert 0 < len(transactions) <= 48, "each command paid for a transaction of its own"
    record_property("figure", f"aio: 64 concurrent commands on SQLite in {len(transactions)} durable transactions")


def test_tenants_clocks_and_context_variables_are_passed_on() -> None:
    asked_by: ContextVar[str] = ContextVar("asked_by")

    async def main() -> None:
        memory = Memory(FrozenClock())
        async with open(bank, memory.open("acme")) as session:
            asked_by.set("ann")
            outcome = await session.category(account).transact("a", lambda state: [Opened(asked_by.get())])
            assert outcome.events == (Opened("ann"),)
        async with open(bank, memory.open("other")) as session:
            assert await everything(session.log()) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("sync", "facade", "elsewhere"),
    [
        (
            Session,
            AsyncSession,
            {"app", "backend", "codec", "builds", "operations", "start", "close", "follower", "sources", "performing"},
        ),
        (Category, AsyncCategory, set[str]()),
        (BoundaryCategory, AsyncBoundaryCategory, set[str]()),
        (ViewReader, AsyncView, set[str]()),
        (TableReader, AsyncTables, set[str]()),
        (Boundary, AsyncBoundary, set[str]()),
        (Ingesting, AsyncIngesting, set[str]()),
        (WorkflowRuns, AsyncWorkflowRuns, set[str]()),
    ],
)
def test_every_name_of_the_session_is_there_to_be_awaited(sync: type, facade: type, elsewhere: set[str]) -> None:
    """Operators' and the inner parts' names stay on `session.sync`; `key in view` is `contains`."""
    names = {name for name in vars(sync) if not name.startswith("_")} - elsewhere
    assert names <= set(vars(facade))
    for name in names:
        mine, theirs = (list(inspect.signature(getattr(one, name)).parameters) for one in (facade, sync))
        assert mine == theirs


def test_many_commands_are_answered_in_order() -> None:
    async def main() -> list[Any]:
        async with open(bank, "memory:") as session:
            commands = [("ann", Open("Ann"), "1"), ("ann", Withdraw(1), "2"), ("ann", Deposit(5), "3")]
            return await everything(session.category(account).handle_many(commands))

    first, second, third = asyncio.run(main())
    assert (first.version, str(second), third.state) == (1, "insufficient funds: 0", Account(5, is_open=True))


def test_importing_leftfold_does_not_import_asyncio() -> None:
    program = (
        "import sys, leftfold, leftfold.session; sys.exit('asyncio' in sys.modules or 'leftfold.aio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_device_records_are_taken_in() -> None:
    def paid(deposit: Deposit) -> Deposited:
        return Deposited(deposit.amount)

    slips = Ingest("slips", decode=Deposit, stream=lambda _: "till/1", to=paid)
    records = [Record("shard", str(number), 0, EVER, "", b'{"amount": 5}') for number in range(3)]

    async def main() -> tuple[int, int]:
        async with open(App("tills", ingest=[slips]), "memory:") as session:
            first = await session.ingest(slips).take(records)
            again = await session.ingest(slips).take(records)
            return first.taken, again.repeated

    assert asyncio.run(main()) == (3, 3)
