"""Workflows drawn by a seed: steps that send, return or do nothing, and fail in every way; branches, choices, waits, awaits.

What a step does is a function of its plan, the run's data and the try's number alone, so that two forms of one workflow
can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold import App, Recorded, Send, Step, Workflow, send
from leftfold.core.workflows import AnyNode, Attempt, Await, Choice, Parallel, Retry, Wait
from leftfold.testing.clock import START

DEPTH: Final = 2  # of branches in branches
NODES: Final = 9  # of one workflow, about


class Put(Struct, frozen=True):
    step: str
    refuse: bool = False


class Take(Struct, frozen=True):
    step: str
    refuse: bool = False


class Did(Struct, frozen=True):
    step: str


class Undid(Struct, frozen=True):
    step: str


class Full(Exception):
    """The shelf's no."""


class Shelf:
    """What steps do, and undo: a stream for each run."""

    category = "shelf"
    initial = 0
    refusals = (Full,)

    def decide(self, command: Put | Take, things: int) -> list[Did | Undid]:
        if command.refuse:
            raise Full(command.step)
        return [Did(command.step) if isinstance(command, Put) else Undid(command.step)]

    def evolve(self, things: int, event: Did | Undid) -> int:
        return things + (1 if isinstance(event, Did) else -1)


class Pay(Struct, frozen=True):
    step: str


class Paid(Struct, frozen=True):
    step: str


class Till:
    """Where the events come from that an Await waits for. Its streams are runs, too."""

    category = "till"
    initial = 0

    def decide(self, command: Pay, paid: int) -> list[Paid]:
        return [Paid(command.step)]

    def evolve(self, paid: int, event: Paid) -> int:
        return paid + 1


shelf, till = Shelf(), Till()


class Order(Struct, frozen=True):
    """A workflow's data: who it is for, and what the steps so far left behind."""

    run: str
    notes: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    text: str


class Said(Struct, frozen=True):
    text: str


class Passing(Exception):
    """Passes after some tries, or never."""


class Fatal(Exception):
    """Is not tried again."""


class Refused(Exception):
    """A final no, of the step itself."""


def noted(order: Order, result: Note | Said | Paid) -> Order:
    text = result.step if isinstance(result, Paid) else result.text
    return Order(order.run, (*order.notes, text))


Effect = Literal["send", "two", "note", "data", "nothing"]
Trouble = Literal["none", "fails", "forever", "fatal", "refused", "denied"]
Answers = Literal["early", "late", "never"]


class Plan(Struct, frozen=True):
    """What one direction of a step does. `fails` is how many of its first tries do."""

    effect: Effect
    trouble: Trouble = "none"
    fails: int = 0


class Mended:
    """The runs of which an operator has mended what keeps their undoing from passing; with a folder, in all processes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._runs = folder, set[str]()

    def add(self, run: str) -> None:
        self._runs.add(run)
        if self._folder is not None:
            (self._folder / run).touch()

    def clear(self) -> None:
        self._runs.clear()

    def __contains__(self, run: str) -> bool:
        return run in self._runs or (self._folder is not None and (self._folder / run).exists())


class Drawn(Struct, frozen=True):
    """A workflow of the dice, how its Awaits are answered, and what was mended."""

    workflow: Workflow[Order]
    awaits: dict[str, Answers]
    mended: Mended

    @property
    def run(self) -> str:
        """The id of its one run."""
        return f"run-of-{self.workflow.name}"

    def app(self) -> App:
        return app_of([self])


class Pace(Struct, frozen=True):
    """How long things take, in seconds: waits, pauses between tries, time-outs of answered Awaits, and of the others."""

    waits: tuple[float, ...] = (0.5, 20.0, 3600.0)
    pauses: tuple[float, ...] = (0.0, 0.5, 7.0)
    answered: tuple[float | None, ...] = (None, 90.5, 4000.0)
    unanswered: float = 90.0


VIRTUAL: Final = Pace()
REAL: Final = Pace((0.2,), (0.0, 0.3), (None, 600.0), 1.0)  # where a test waits for it


def draw(seed: int, pace: Pace = VIRTUAL, mended: Path | None = None) -> Drawn:
    """The workflow of this seed; the same one at each call."""
    dice = _Dice(random.Random(seed), pace, Mended(mended))
    steps = dice.sequence(NODES, DEPTH, beside=False)
    workflow = Workflow(f"w{seed}", data=Order, steps=steps, evolve=noted, refusals=(Refused,))
    return Drawn(workflow, dice.awaits, dice.mended)


def app_of(several: Sequence[Drawn]) -> App:
    return App("dice", deciders=[shelf, till], workflows=[drawn.workflow for drawn in several])


class _Dice:
    def __init__(self, chance: random.Random, pace: Pace, mended: Mended) -> None:
        self._chance, self._pace, self._drawn, self.mended = chance, pace, 0, mended
        self.awaits: dict[str, Answers] = {}

    def sequence(self, most: int, depth: int, *, beside: bool) -> list[AnyNode]:
        return [self._node(most, depth, beside) for _ in range(self._chance.randint(1, max(1, most // 2)))]

    def _node(self, most: int, depth: int, beside: bool) -> AnyNode:
        inside = most // 3
        kind = self._chance.choices(
            ["step", "wait", "await", "choice", "parallel"], [12, 1, 1.5, 2 if depth else 0, 2 if depth else 0]
        )[0]
        name = self._name(kind)
        match kind:
            case "parallel":
                count = self._chance.randint(1, 3)
                return Parallel(name, branches=[self.sequence(inside, depth - 1, beside=True) for _ in range(count)])
            case "choice":
                branches = {
                    "even": self.sequence(inside, depth - 1, beside=beside),
                    "odd": self.sequence(inside, depth - 1, beside=beside) if self._chance.random() < 0.7 else [],
                }
                return Choice(name, by=lambda order: "odd" if len(order.notes) % 2 else "even", branches=branches)
            case "wait":
                return self._wait(name)
            case "await":
                return self._await(name)
            case _:
                return self._step(name, beside)

    def _name(self, kind: str) -> str:
        self._drawn += 1
        return f"{kind}{self._drawn}"

    def _wait(self, name: str) -> Wait[Order]:
        seconds = self._chance.choice(self._pace.waits)
        if self._chance.random() < 0.5:
            return Wait(name, for_s=seconds)
        moment = START + timedelta(seconds=seconds)

        def until(order: Order) -> datetime:
            return moment + timedelta(seconds=len(order.notes))

        return Wait(name, until=until)

    def _await(self, name: str) -> Await:
        answers: Answers = self._chance.choice(["early", "late", "late", "never"])
        timeout_s = self._chance.choice(self._pace.answered) if answers != "never" else self._pace.unanswered
        self.awaits[name] = answers
        if self._chance.random() < 0.5:
            return Await(name, answer=Said, timeout_s=timeout_s)

        def key(event: Recorded[Paid]) -> str | None:
            return event.key if event.data.step == name else None

        return Await(name, key=key, timeout_s=timeout_s)

    def _step(self, name: str, beside: bool) -> Step[Order]:
        chance = self._chance
        effects: list[Effect] = ["send", "send", "two", "note", "nothing", "data"]
        do = Plan(chance.choice(effects[:-1] if beside else effects), *self._trouble(0.25))
        retry = Retry(
            times=chance.randint(1, 4), first_s=chance.choice(self._pace.pauses), max_s=30.0, on=(Passing, OSError)
        )
        undo: Callable[..., object] | None = None
        if chance.random() < 0.7:
            undo = self._undo(name, Plan(chance.choice(["send", "nothing"]), *self._trouble(0.2)))
        return Step(name, do=_do(name, do), undo=undo, retry=retry)

    def _trouble(self, share: float) -> tuple[Trouble, int]:
        if self._chance.random() >= share:
            return "none", 0
        trouble: Trouble = self._chance.choice(["fails", "fails", "forever", "fatal", "refused", "denied"])
        return trouble, self._chance.randint(1, 4) if trouble == "fails" else 0

    def _undo(self, name: str, plan: Plan) -> Callable[..., object]:
        mended = self.mended

        def undo(order: Order, attempt: Attempt) -> Send | None:
            is_mended = order.run in mended
            if not is_mended:
                _fail(plan, attempt)
            refuse = plan.trouble == "denied" and not is_mended
            return send(shelf, order.run, Take(name, refuse)) if plan.effect == "send" or refuse else None

        return undo


def _fail(plan: Plan, attempt: Attempt) -> None:
    match plan.trouble:
        case "fails" if attempt.number <= plan.fails:
            raise Passing(f"try {attempt.number}")
        case "forever":
            raise Passing("always")
        case "fatal":
            raise Fatal("for ever")
        case "refused":
            raise Refused("no")
        case _:
            return


def _do(name: str, plan: Plan) -> Callable[..., Any]:
    refuse = plan.trouble == "denied"

    def sending(order: Order, attempt: Attempt) -> Send | list[Send]:
        _fail(plan, attempt)
        first = send(shelf, order.run, Put(name, refuse and plan.effect != "two"))
        return [first, send(shelf, order.run, Put(f"{name}:2", refuse))] if plan.effect == "two" else first

    def returning(order: Order, attempt: Attempt) -> Note | None:
        _fail(plan, attempt)
        return Note(name) if plan.effect == "note" else None

    def replacing(order: Order) -> Order:
        return Order(order.run, (*order.notes, name))

    if plan.effect == "data" and plan.trouble == "none":
        return replacing
    return sending if plan.effect in ("send", "two") or refuse else returning
