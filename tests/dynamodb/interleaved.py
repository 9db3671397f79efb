"""Workers of one view whose every call to DynamoDB may be its last, may lose its reply, or may find that hours passed
before it arrived, in which others did whole steps of theirs. At the end the rows must be the fold of the history."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError
from msgspec import Struct, json

from leftfold import App, Fenced, Recorded, View
from leftfold.adapters.memory import Memory
from leftfold.ports.checkpoints import Lease
from leftfold.ports.rows import Span
from leftfold.subscriptions.deadletters import drain
from leftfold.testing import FrozenClock
from tests.dynamodb.views import Views

WORKERS = 3
DEPTH = 2  # workers that stand still at once
LEASE_S = 10.0
EVENTS = 40
QUIET = 60  # steps in which what is left must be done, once nothing befalls anybody


class Move(Struct, frozen=True):
    keys: tuple[str, ...]
    kind: str = ""


class Moved(Struct, frozen=True):
    """`kind`: "removes" its rows, "poisons" them, is "unreadable", so that its whole stream waits."""

    keys: tuple[str, ...]
    kind: str = ""


class Moving:
    category = "moving"
    initial = 0

    def decide(self, command: Move, state: int) -> list[Moved]:
        return [Moved(command.keys, command.kind)]

    def evolve(self, state: int, event: Moved) -> int:
        return state + 1


class Seen(Struct, frozen=True):
    """The positions folded into a row, in order."""

    events: tuple[int, ...] = ()


class Crash(BaseException):
    """The process is gone."""


class Wrong(Exception):
    """A promise was broken."""


def size(row: Seen) -> int | None:
    """Values come back, so that an entry may go and come again; some rows are listed nowhere."""
    return None if len(row.events) % 4 == 3 else len(row.events) % 3


class Weather:
    """A client for one worker."""

    def __init__(self, client: Any, world: World) -> None:
        self._client, self._world = client, world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not name.startswith(("get_", "put_", "update_", "delete_", "batch_", "transact_", "query")):
            return method

        def call(**parameters: Any) -> Any:
            self._world.before_call()
            answer = method(**parameters)
            self._world.after_call(name)
            return answer

        return call


class Worker:
    def __init__(self, world: World, views: Views, client: Any, tenant: str) -> None:
        self.busy = False
        self.backend = views.over(Weather(client, world), world.memory, world.clock, tenant)
        rows: Any = self.backend.rows
        rows._all = lambda tasks: [task() for task in tasks]  # one thread: a seed is a story
        self.session = world.app.open(self.backend)
        self.lease: Lease | None = None

    def step(self, build: str, limit: int) -> int:
        """What a Follower does. Returns how many events were taken."""
        checkpoints, clock = self.backend.checkpoints, self.backend.clock
        progress = checkpoints.load(build)
        page = self.backend.log.page(after=progress.position, limit=limit)
        if self.lease is None or self.lease.until <= clock.now():
            self.lease = checkpoints.acquire(build, f"{id(self)}", LEASE_S)
        if not page or self.lease is None:
            return 0
        try:
            self.session.builds["seen"].work(build).take(page, progress, self.lease.token)
        except Fenced:
            self.lease = None
            return 0
        return len(page)

    def drain(self, build: str, choose: Callable[[list[str]], str]) -> None:
        if parked := sorted(self.backend.checkpoints.load(build).parked):
            drain(self.session.builds["seen"].work(build), self.backend, choose(parked))


class World:
    """One seed's story: `run()` raises Wrong where a promise was broken."""

    def __init__(self, views: Views, client: Any, seed: int) -> None:
        self.random, self.seed = random.Random(seed), seed
        self.clock, self.troubles, self.depth, self.calm, self.fixed = FrozenClock(), 0, 0, True, False
        self.memory = Memory(self.clock)
        moving = Moving()
        self.view = View("seen", initial=Seen(), evolve=self._evolve, key=self._key, indexes={"size": size})
        self.app = App("town", deciders=[moving], views=[self.view])
        tenant = f"seed{seed}"
        self.workers = [Worker(self, views, client, tenant) for _ in range(WORKERS)]
        self.judge = views.over(client, self.memory, self.clock, tenant)
        self.build = self.workers[0].session.builds["seen"].ensure().live or ""
        self.moving = self.app.open(self.judge).category(moving)

    def run(self) -> None:
        self._trouble(self._append)
        self._quiet()
        self._judge_letters()
        self.fixed = True
        self._trouble(lambda: None)
        self._quiet(drain=True)
        self._judge_rows()

    # the story

    def _trouble(self, meanwhile: Callable[[], None]) -> None:
        self.calm = False
        for _ in range(EVENTS // 2):
            meanwhile()
            self._turn()
            self._judge_index()
        self.calm = True

    def _append(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            chance, keys = self.random.random(), tuple(self.random.sample("abpq", self.random.randint(1, 2)))
            if chance < 0.1:
                self.moving.handle("lost", Move(("x", "p"), "unreadable"))
            elif chance < 0.3:
                self.moving.handle(self.random.choice(["lost", "found"]), Move(("x",)))
            else:
                kind = "removes" if chance < 0.45 and "p" not in keys else "poisons" if chance > 0.85 else ""
                self.moving.handle("plain", Move(keys, kind))

    def _turn(self) -> None:
        """One worker's step, or a drain, or time passes."""
        idle = [worker for worker in self.workers if not worker.busy]
        worker, chance = self.random.choice(idle), self.random.random()
        self.clock.forward(self.random.choice([0, 0, 1, LEASE_S]))
        worker.busy = True
        try:
            if chance < 0.75:
                worker.step(self.build, self.random.randint(1, 12))
            else:
                worker.drain(self.build, self.random.choice)
        except Fenced:
            pass  # it comes again
        except Crash:
            worker.lease = None
        finally:
            worker.busy = False

    def before_call(self) -> None:
        if self.calm:
            return
        chance = self.random.random()
        if chance < 0.03:
            self.troubles += 1
            raise Crash
        if chance < 0.15 and self.depth < DEPTH:
            self.troubles += 1
            self.depth += 1
            try:
                for _ in range(self.random.randint(1, 4)):
                    self._turn()
            finally:
                self.depth -= 1

    def after_call(self, name: str) -> None:
        if not self.calm and self.random.random() < 0.05 and not name.startswith(("get", "batch_get", "query")):
            self.troubles += 1
            raise ReadTimeoutError(endpoint_url="here")

    def _quiet(self, *, drain: bool = False) -> None:
        """Everything that is left to do, by one worker."""
        worker = self.workers[0]
        for _ in range(QUIET):
            self.clock.forward(LEASE_S)
            taken = worker.step(self.build, 100)
            if drain:
                worker.drain(self.build, min)
            progress = self.judge.checkpoints.load(self.build)
            if not taken and progress.position == self.judge.log.end() and not (drain and progress.parked):
                return
        raise Wrong(f"seed {self.seed}: still not done: {self.judge.checkpoints.load(self.build)}")

    # the view

    def _key(self, event: Recorded[Moved]) -> list[str]:
        if event.data.kind == "unreadable" and not self.fixed:
            raise ValueError("unreadable")
        return list(event.data.keys)

    def _evolve(self, row: Seen, event: Recorded[Moved], key: str) -> Seen | None:
        if event.data.kind == "poisons" and key in "pq" and not self.fixed:
            raise ValueError("poison")
        if event.data.kind == "removes":
            return None
        return Seen((*row.events, event.position))

    # the judge

    def _judge_letters(self) -> None:
        """Each lane is held by a poison, as its first letter, and by nothing that was folded already."""
        firsts: dict[str, Any] = {}
        for letter in self.judge.dead.list(self.build):
            firsts.setdefault(letter.lane, letter)
        parked = self.judge.checkpoints.load(self.build).parked
        if parked != {lane: letter.position for lane, letter in firsts.items()}:
            raise Wrong(f"seed {self.seed}: parked {parked}, letters {firsts}")
        if strange := [one for one in firsts.values() if (one.kind, bool(one.error)) != ("poison", True)]:
            raise Wrong(f"seed {self.seed}: {strange}")

    def _judge_index(self) -> None:
        """At any moment, what an index finds is what the row says of itself."""
        for value, row in self.judge.rows.find(self.build, "size", Span(), after=None, limit=99):
            found = self._seen(row.body)
            if found is None or size(found) != value:
                raise Wrong(f"seed {self.seed}: {row.key} is found as {value}, but is {found}")

    def _judge_rows(self) -> None:
        rows = {row.key: self._seen(row.body) for row in self.judge.rows.scan(self.build)}
        expected = self._expected()
        # A row with events of a stream that waited has them last.
        for key in rows.keys() | expected.keys():
            got, wanted = (side.get(key) or Seen() for side in (rows, expected))
            if got != wanted if key in "abq" else sorted(got.events) != sorted(wanted.events):
                raise Wrong(f"seed {self.seed}: {key} is {got}, not {wanted}")
        found = {
            row.key: value for value, row in self.judge.rows.find(self.build, "size", Span(), after=None, limit=99)
        }
        listed = {key: size(row) for key, row in rows.items() if row is not None and size(row) is not None}
        if found != listed:
            raise Wrong(f"seed {self.seed}: the index finds {found}, the rows are {listed}")
        if left := self.judge.dead.list():
            raise Wrong(f"seed {self.seed}: {left}")

    def _expected(self) -> dict[str, Seen]:
        rows: dict[str, Seen | None] = {}
        for event in self.workers[0].session.log():
            data: Any = event.data
            for key in data.keys:
                rows[key] = self._evolve(rows.get(key) or Seen(), event, key)  # type: ignore[arg-type]
        return {key: row for key, row in rows.items() if row is not None}

    def _seen(self, body: bytes | None) -> Seen | None:
        return None if body is None else json.decode(body, type=Seen)
