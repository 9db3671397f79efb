"""An app that waits: clocks are wound, stopped and strike. A process sets a timer for each that is wound."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from leftfold import App, Done, Process, Recorded, Schedule, Send, View, send
from leftfold.processes import Due


class Wind(Struct, frozen=True):
    hand: str
    seconds: float


class Stop(Struct, frozen=True):
    hand: str


class Scrap(Struct, frozen=True):
    pass


class Strike(Struct, frozen=True):
    hand: str
    at: datetime


class Wound(Struct, frozen=True):
    hand: str
    seconds: float


class Stopped(Struct, frozen=True):
    hand: str


class Scrapped(Struct, frozen=True):
    pass


class Struck(Struct, frozen=True):
    hand: str
    at: datetime


Command = Wind | Stop | Scrap | Strike
Event = Wound | Stopped | Scrapped | Struck


class Clockwork:
    """The decider: it refuses nothing."""

    category = "clock"
    initial = 0

    def decide(self, command: Command, state: int) -> list[Event]:
        match command:
            case Wind(hand, seconds):
                return [Wound(hand, seconds)]
            case Stop(hand):
                return [Stopped(hand)]
            case Scrap():
                return [Scrapped()]
            case Strike(hand, at):
                return [Struck(hand, at)]

    def evolve(self, state: int, event: Event) -> int:
        return state + 1


clock = Clockwork()


class Hands(Struct, frozen=True):
    """What the process remembers: the hands that struck, in order."""

    struck: tuple[str, ...] = ()


def whose(event: Recorded[Wound | Stopped | Scrapped]) -> str:
    return event.key


def remember(hands: Hands, event: Wound | Stopped | Scrapped | Due) -> Hands:
    return Hands((*hands.struck, event.name)) if isinstance(event, Due) else hands


def mind(hands: Hands, event: Recorded[Wound | Stopped | Scrapped] | Due) -> Sequence[Send | Schedule | Done]:
    if isinstance(event, Due):
        key = event.name.partition(":")[0]
        return [send(clock, key, Strike(event.name, event.at))]
    match event.data:
        case Wound(hand, seconds):
            return [Schedule(f"{event.key}:{hand}", after=timedelta(seconds=seconds))]
        case Stopped(hand):
            return [Schedule(f"{event.key}:{hand}")]
        case Scrapped():
            return [Done()]


minding = Process(
    "minding", initial=Hands(), correlate=whose, evolve=remember, react=mind, stuck_after=timedelta(hours=2)
)


def counted(strikes: int, event: Struck) -> int:
    return strikes + 1


strikes = View("strikes", initial=0, evolve=counted)
tower = App("tower", deciders=[clock], views=[strikes], processes=[minding])
