"""A shop: a shelf that steps send commands to, a bank that they call, and five workflows that use both.

Of each workflow there are runs that succeed and runs that fail at their end, so that everything is undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from leftfold import App, Recorded, Send, Step, Workflow, send
from leftfold.workflows import Attempt, Await, Choice, Parallel, Retry, Wait


class Put(Struct, frozen=True):
    what: str


class Did(Struct, frozen=True):
    what: str


class Full(Exception):
    """The shelf's no."""


class Shelf:
    """What was sent to it, in order: a stream for each order."""

    category = "shelf"
    initial: tuple[str, ...] = ()
    refusals = (Full,)

    def decide(self, command: Put, things: tuple[str, ...]) -> list[Did]:
        if command.what.startswith("refuse"):
            raise Full(command.what)
        return [Did(command.what)]

    def evolve(self, things: tuple[str, ...], event: Did) -> tuple[str, ...]:
        return (*things, event.what)


class Pay(Struct, frozen=True):
    cents: int


class Paid(Struct, frozen=True):
    cents: int


class Till:
    """Where the events come from that a workflow awaits."""

    category = "till"
    initial = 0

    def decide(self, command: Pay, paid: int) -> list[Paid]:
        return [Paid(command.cents)]

    def evolve(self, paid: int, event: Paid) -> int:
        return paid + event.cents


class Away(Exception):
    """The bank's line is down: whether it heard us is not known."""


class Declined(Exception):
    """The bank's no."""


class Bank:
    """An outside service that takes idempotency keys. `call` is where a test makes the caller die."""

    def __init__(self) -> None:
        self.effects: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.around: Callable[[Callable[[], None]], None] = lambda call: call()

    def call(self, key: str, what: str) -> None:
        def take() -> None:
            self.calls[key] += 1
            assert self.effects.setdefault(key, what) == what, f"{key} was used for {self.effects[key]!r} and {what!r}"

        self.around(take)


shelf, till, bank = Shelf(), Till(), Bank()


Kind = Literal["good", "bad", "never"]
"""An order whose every step succeeds; one whose last step is refused; one that waits, or tries, in vain."""


class Order(Struct, frozen=True):
    id: str
    kind: Kind = "good"
    notes: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    text: str


def noted(order: Order, result: Note | Paid) -> Order:
    text = result.text if isinstance(result, Note) else f"paid {result.cents}"
    return Order(order.id, order.kind, (*order.notes, text))


def put(what: str) -> Callable[[Order], Send]:
    return lambda order: send(shelf, order.id, Put(what))


def back(what: str) -> Callable[[Order], Send]:
    return lambda order: send(shelf, order.id, Put(f"back {what}"))


def ends(order: Order) -> list[Send]:
    """The last step of each: of a bad order it is refused."""
    return [send(shelf, order.id, Put("end" if order.kind == "good" else "refuse"))]


tickets: Counter[str] = Counter()


def ticket(order: Order) -> list[Send]:
    """Sends to another place each time that it is called: what was recorded first is what must be sent."""
    tickets[order.id] += 1
    return [send(shelf, f"ticket-{tickets[order.id]}", Put("ticket")), send(shelf, order.id, Put("copy"))]


def charge(order: Order, attempt: Attempt) -> Note:
    bank.call(attempt.id, "charge")
    return Note("charged")


def refund(order: Order, attempt: Attempt) -> None:
    bank.call(attempt.id, "refund")


def flaky(order: Order, attempt: Attempt) -> Note:
    """The bank takes it, and the line goes down: twice, or for a hopeless order each time."""
    bank.call(attempt.id, "flaky")
    if order.kind == "never" or attempt.number <= 2:
        raise Away(f"try {attempt.number}")
    return Note("got through")


def flaky_refund(order: Order, attempt: Attempt) -> None:
    bank.call(attempt.id, "give back")
    if attempt.number == 1:
        raise Away("at the first try")


def paid_for(event: Recorded[Paid]) -> str:
    return event.key


QUICK: Final = Retry(times=3, first_s=5)

linear = Workflow(
    "linear",
    data=Order,
    steps=[
        Step("reserve", do=put("reserve"), undo=back("reserve")),
        Step("ticket", do=ticket, undo=back("copy")),
        Step("charge", do=charge, undo=refund),
        Step("end", do=ends, undo=back("end")),
    ],
    evolve=noted,
)

parallel = Workflow(
    "parallel",
    data=Order,
    steps=[
        Step("reserve", do=put("reserve"), undo=back("reserve")),
        Parallel(
            "both",
            branches=[
                [Step("charge", do=charge, undo=refund), Step("label", do=put("label"), undo=back("label"))],
                [Step("pack", do=put("pack"), undo=back("pack"))],
            ],
        ),
        Step("end", do=ends),
    ],
    evolve=noted,
)

choosing = Workflow(
    "choosing",
    data=Order,
    steps=[
        Step("reserve", do=put("reserve"), undo=back("reserve")),
        Choice(
            "way",
            by=lambda order: "air" if order.id.endswith("1") else "sea",
            branches={
                "air": [Step("fly", do=put("fly"), undo=back("fly")), Step("land", do=put("land"), undo=back("land"))],
                "sea": [Step("sail", do=put("sail"), undo=back("sail"))],
            },
        ),
        Choice("gift", by=lambda order: "no", branches={"no": [], "yes": [Step("wrap", do=put("wrap"))]}),
        Step("end", do=ends),
    ],
)

waiting = Workflow(
    "waiting",
    data=Order,
    steps=[
        Step("reserve", do=put("reserve"), undo=back("reserve")),
        Wait("cool_off", for_s=60),
        Await("paid", key=paid_for, timeout_s=600),
        Await("approval", answer=Note, timeout_s=600),
        Step("end", do=ends),
    ],
    evolve=noted,
)

outside = Workflow(
    "outside",
    data=Order,
    steps=[
        Step("reserve", do=put("reserve"), undo=back("reserve"), retry=QUICK),
        Step("charge", do=charge, undo=flaky_refund, retry=QUICK),
        Step("flaky", do=flaky, undo=flaky_refund, retry=QUICK),
        Step("end", do=ends),
    ],
    evolve=noted,
    refusals=(Declined,),
)

WORKFLOWS: Final = (linear, parallel, choosing, waiting, outside)

shop = App("shop", deciders=[shelf, till], workflows=WORKFLOWS)
