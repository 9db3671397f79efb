"""The async facade: the same names, awaited. Each call runs on a thread of the session, so nothing is written twice.

    async with leftfold.aio.open(bank, "sqlite:bank.db") as session:
        outcome = await session.category(account).handle("ann", Deposit(5))
        await session.view(balances).get("ann", after=outcome.receipt, wait_s=2)
        async for recorded in session.log(): ...

A cancelled await stops waiting, not the command: say a `command_id`, and ask again. Operators' verbs (`operations`) stay
on `session.sync`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, Unpack, overload

from leftfold.app import App
from leftfold.category import BoundaryCategory, Category, Notes
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Appended, Outcome
from leftfold.core.decider import BoundaryDecider, Decider
from leftfold.core.events import Recorded
from leftfold.core.streams import Receipt
from leftfold.core.views import AnyView, SqlView, View
from leftfold.dcb import Boundary, Condition, Query, Tagged
from leftfold.explain import Explanation
from leftfold.operations import OnProgress
from leftfold.ports.backend import Backend
from leftfold.projections.reading import Condition as Found, Reading, TableReader, ViewReader
from leftfold.session import Session
from leftfold.tracing import Trace

if TYPE_CHECKING:
    from leftfold.aside import Aside
    from leftfold.core.workflows import Workflow
    from leftfold.ingest.declared import Ingest, Record, Taken
    from leftfold.ingest.taking import Ingesting
    from leftfold.workflow import RunStatus, WorkflowRuns

THREADS: Final = (
    64  # callers that may wait for one fsync together; asyncio's own pool has as many as the machine has CPUs
)
WAITERS: Final = 256  # reads that wait for a view have threads of their own, so that the commands can come through
PAGE_ITEMS: Final = 200  # a hop to a thread costs as much as some tens of events

T = TypeVar("T")
C = TypeVar("C")
D = TypeVar("D")
S = TypeVar("S")
E = TypeVar("E")
Row = TypeVar("Row")
C_contra = TypeVar("C_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


@asynccontextmanager
async def open(app: App, url: str | Backend, *, tenant: str | None = None) -> AsyncGenerator[AsyncSession]:
    """`App.open`, for `async with`."""
    async with _entered(partial(app.open, url, tenant=tenant)) as session:
        yield session


@asynccontextmanager
async def run(app: App, url: str | Backend, *, tenant: str | None = None) -> AsyncGenerator[AsyncSession]:
    """`App.run`, for `async with`: views and reactions follow by themselves."""
    async with _entered(partial(app.run, url, tenant=tenant)) as session:
        yield session


@asynccontextmanager
async def _entered(opened: Callable[[], Session]) -> AsyncGenerator[AsyncSession]:
    threads = _Threads()
    try:
        session = AsyncSession(await threads.call(opened), threads)
        try:
            yield session
        finally:
            await threads.call(session.sync.close)
    finally:
        await asyncio.to_thread(threads.stop)


class _Threads:
    """Where the calls run."""

    def __init__(self) -> None:
        self._callers = ThreadPoolExecutor(THREADS, "leftfold call")
        self._waiters = ThreadPoolExecutor(WAITERS, "leftfold wait")

    async def call(self, function: Callable[[], T], *, waits: bool = False) -> T:
        """The function's result, with the caller's context variables."""
        pool = self._waiters if waits else self._callers
        return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, function)

    async def each(self, iterate: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """What a sync iterator yields, a page a hop. What came before an error is yielded before it is raised."""
        iterator = await self.call(iterate)
        while True:
            page: list[T] = []
            failed = await self.call(partial(attempt, page.extend, islice(iterator, PAGE_ITEMS)))
            for one in page:
                yield one
            if isinstance(failed, Failed):
                raise failed.error
            if len(page) < PAGE_ITEMS:
                return

    def stop(self) -> None:
        self._callers.shutdown()
        self._waiters.shutdown()


class AsyncSession:
    """A `Session` to await. `sync` is the session itself."""

    def __init__(self, session: Session, threads: _Threads) -> None:
        self.sync, self._threads = session, threads

    @overload
    def category(  # type: ignore[overload-overlap]  # the narrower shape comes first, and wins
        self, decider: BoundaryDecider[C, S, E]
    ) -> AsyncBoundaryCategory[C, S, E]: ...  # pyright: ignore[reportOverlappingOverload]
    @overload
    def category(self, decider: Decider[C, S, E]) -> AsyncCategory[C, S, E]: ...
    def category(
        self, decider: Decider[Any, Any, Any]
    ) -> AsyncCategory[Any, Any, Any] | AsyncBoundaryCategory[Any, Any, Any]:
        """As `Session.category`."""
        found: object = self.sync.category(decider)
        if isinstance(found, BoundaryCategory):
            return AsyncBoundaryCategory[Any, Any, Any](found, self._threads)
        return AsyncCategory[Any, Any, Any](self.sync.category(decider), self._threads)

    @overload
    def view(self, view: View[Row]) -> AsyncView[Row]: ...
    @overload
    def view(self, view: SqlView) -> AsyncTables: ...
    def view(self, view: AnyView) -> AsyncView[Any] | AsyncTables:
        """As `Session.view`."""
        if isinstance(view, SqlView):
            return AsyncTables(self.sync.view(view), self._threads)
        return AsyncView[Any](self.sync.view(view), self._threads)

    def log(self, *, after: int = 0) -> AsyncIterator[Recorded[object]]:
        """As `Session.log`."""
        return self._threads.each(partial(self.sync.log, after=after))

    def ingest(self, ingest: Ingest[Any], *, aside: Aside | None = None) -> AsyncIngesting:
        """As `Session.ingest`."""
        return AsyncIngesting(self.sync.ingest(ingest, aside=aside), self._threads)

    def workflow(self, workflow: Workflow[D]) -> AsyncWorkflowRuns[D]:
        """As `Session.workflow`."""
        return AsyncWorkflowRuns(self.sync.workflow(workflow), self._threads)

    def dcb(self) -> AsyncBoundary:
        """As `Session.dcb`."""
        return AsyncBoundary(self.sync.dcb(), self._threads)

    async def explain(self, view: View[Any], key: str) -> Explanation:
        """As `Session.explain`."""
        return await self._threads.call(partial(self.sync.explain, view, key))

    async def trace(self, event_id: str) -> Trace:
        """As `Session.trace`."""
        return await self._threads.call(partial(self.sync.trace, event_id))

    async def catch_up(self, on_progress: OnProgress = lambda done, total: None) -> int:
        """As `Session.catch_up`; `on_progress` is called on the thread that does the work."""
        return await self._threads.call(partial(self.sync.catch_up, on_progress))


class AsyncCategory(Generic[C_contra, S, E]):
    """A `Category` to await."""

    def __init__(self, category: Category[C_contra, S, E], threads: _Threads) -> None:
        self._category, self._threads = category, threads

    async def handle(self, key: str, command: C_contra, **notes: Unpack[Notes]) -> Outcome[S, E]:
        """As `Category.handle`. Commands that are awaited together share an fsync."""
        return await self._threads.call(partial(self._category.handle, key, command, **notes))

    def handle_many(
        self, commands: Iterable[tuple[str, C_contra, str | None]], **notes: Unpack[Notes]
    ) -> AsyncIterator[Outcome[S, E] | Exception]:
        """As `Category.handle_many`."""
        return self._threads.each(partial(self._category.handle_many, commands, **notes))

    async def transact(self, key: str, decide: Callable[[S], Sequence[E]], **notes: Unpack[Notes]) -> Outcome[S, E]:
        """As `Category.transact`. `decide` is a plain function, and runs on a thread."""
        return await self._threads.call(partial(self._category.transact, key, decide, **notes))

    async def state(self, key: str, *, at: int | datetime | None = None) -> S:
        """As `Category.state`."""
        return await self._threads.call(partial(self._category.state, key, at=at))

    def events(self, key: str, *, after: int = 0) -> AsyncIterator[Recorded[E]]:
        """As `Category.events`."""
        return self._threads.each(partial(self._category.events, key, after=after))


class AsyncBoundaryCategory(Generic[C_contra, S, E]):
    """A `BoundaryCategory` to await."""

    def __init__(self, category: BoundaryCategory[C_contra, S, E], threads: _Threads) -> None:
        self._category, self._threads = category, threads

    async def handle(self, command: C_contra, **notes: Unpack[Notes]) -> Outcome[S, E]:
        """As `BoundaryCategory.handle`."""
        return await self._threads.call(partial(self._category.handle, command, **notes))

    async def state(self, command: C_contra, *, at: datetime | None = None) -> S:
        """As `BoundaryCategory.state`."""
        return await self._threads.call(partial(self._category.state, command, at=at))


class AsyncView(Generic[R_co]):
    """A `ViewReader` to await."""

    def __init__(self, view: ViewReader[R_co], threads: _Threads) -> None:
        self._view, self._threads = view, threads

    @overload
    async def get(
        self, key: str, *, after: Receipt | None = None, wait_s: float = 0, stale: Literal["raise"] = "raise"
    ) -> R_co: ...
    @overload
    async def get(
        self, key: str, *, after: Receipt | None = None, wait_s: float = 0, stale: Literal["allow"]
    ) -> Reading[R_co]: ...
    async def get(
        self,
        key: str,
        *,
        after: Receipt | None = None,
        wait_s: float = 0,
        stale: Literal["raise", "allow"] = "raise",
    ) -> R_co | Reading[R_co]:
        """As `ViewReader.get`."""
        read: Callable[[], R_co | Reading[R_co]]
        if stale == "allow":
            read = partial(self._view.get, key, after=after, wait_s=wait_s, stale="allow")
        else:
            read = partial(self._view.get, key, after=after, wait_s=wait_s)
        return await self._threads.call(read, waits=wait_s > 0)

    async def contains(self, key: str) -> bool:
        """As `key in view`, which can't be awaited."""
        return await self._threads.call(partial(self._view.__contains__, key))

    def find(self, **conditions: Found) -> AsyncIterator[tuple[str, R_co]]:
        """As `ViewReader.find`."""
        return self._threads.each(partial(self._view.find, **conditions))

    def scan(self, *, after: str = "") -> AsyncIterator[tuple[str, R_co]]:
        """As `ViewReader.scan`."""
        return self._threads.each(partial(self._view.scan, after=after))


class AsyncTables:
    """A `TableReader` to await."""

    def __init__(self, tables: TableReader, threads: _Threads) -> None:
        self._tables, self._threads = tables, threads

    async def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        """As `TableReader.query`."""
        return await self._threads.call(partial(self._tables.query, sql, parameters))


class AsyncWorkflowRuns(Generic[D]):
    """A `WorkflowRuns` to await."""

    def __init__(self, runs: WorkflowRuns[D], threads: _Threads) -> None:
        self._runs, self._threads = runs, threads

    async def start(self, run_id: str, data: D, **notes: Unpack[Notes]) -> Receipt:
        """As `WorkflowRuns.start`."""
        return await self._threads.call(partial(self._runs.start, run_id, data, **notes))

    async def status(self, run_id: str) -> RunStatus[D]:
        """As `WorkflowRuns.status`."""
        return await self._threads.call(partial(self._runs.status, run_id))

    async def answer(self, run_id: str, step: str, result: object = None, *, actor: str | None = None) -> None:
        """As `WorkflowRuns.answer`."""
        return await self._threads.call(partial(self._runs.answer, run_id, step, result, actor=actor))

    async def retry(self, run_id: str, *, actor: str | None = None) -> None:
        """As `WorkflowRuns.retry`."""
        return await self._threads.call(partial(self._runs.retry, run_id, actor=actor))


class AsyncIngesting:
    """An ingest at work, to await."""

    def __init__(self, ingesting: Ingesting, threads: _Threads) -> None:
        self._ingesting, self._threads = ingesting, threads

    async def take(self, records: Iterable[Record], *, until: Callable[[], bool] = lambda: False) -> Taken:
        """As `Ingesting.take`; `until` is called on the thread that does the work."""
        return await self._threads.call(partial(self._ingesting.take, records, until=until))


class AsyncBoundary:
    """A `Boundary` to await."""

    def __init__(self, boundary: Boundary, threads: _Threads) -> None:
        self._boundary, self._threads = boundary, threads

    def read(self, query: Query, *, after: int = 0) -> AsyncIterator[Recorded[object]]:
        """As `Boundary.read`."""
        return self._threads.each(partial(self._boundary.read, query, after=after))

    async def append(
        self,
        events: Sequence[Tagged],
        condition: Condition | None = None,
        *,
        command_id: str | None = None,
        actor: str | None = None,
    ) -> Appended:
        """As `Boundary.append`."""
        append = partial(self._boundary.append, events, condition, command_id=command_id, actor=actor)
        return await self._threads.call(append)
