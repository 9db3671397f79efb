"""Workers around one tower of clocks, by a seed: commands, followers, timers' looks, rings; crashes in between."""

from collections.abc import Callable
from functools import partial
from typing import Final

from leftfold import Session
from leftfold.adapters.memory import Memory
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.testing.chaos import Chaos, Crash
from tests.timers.clocks import Command, Scrap, Stop, Wind, clock, tower
from tests.timers.judge import Judged, judge
from tests.timers.sky import Sky

WORKERS: Final = 2
ROUNDS: Final = 40  # of each worker
KEYS: Final = ("a", "b", "c")
HANDS: Final = ("h", "m")
AFTERWARDS_S: Final = 600.0  # when every timer is due


class World:
    """One simulation. `opened` counts the sessions: each that died was opened anew."""

    def __init__(self, seed: int) -> None:
        self.chaos = Chaos(seed)
        self.backend = Memory(self.chaos.clock).open()
        self.sky = Sky(self.chaos.dice)
        self.opened = 0

    def run(self) -> Judged:
        """Live through it, then let all that is due fire, and judge. Raises what ended a worker."""
        self.chaos.run({f"worker {number}": self.worker for number in range(WORKERS)})
        self.chaos.calm = True
        self.chaos.clock.forward(AFTERWARDS_S)
        judged: list[Judged] = []
        self.chaos.run({"afterwards": lambda: judged.append(self._afterwards())})
        if self.chaos.failures:
            raise self.chaos.failures[0]
        return judged[0]

    def worker(self) -> None:
        """Work, die, and live again as another process."""
        rounds = ROUNDS
        while rounds:
            self.opened += 1
            session = tower.open(self.chaos.around(self.backend), alarms=self.sky)
            try:
                while rounds:
                    rounds -= 1
                    self._something(session)
            except Crash:
                continue

    def _afterwards(self) -> Judged:
        with tower.open(self.chaos.around(self.backend)) as session:
            session.catch_up()
            return judge(session)

    def _something(self, session: Session) -> None:
        dice = self.chaos.dice
        self.chaos.clock.forward(dice.choice((0.0, 0.1, 1.0, 5.0, 30.0)))
        doing: list[Callable[[], object]] = [
            *[partial(self._command, session)] * 3,
            *[partial(self._follow, session)] * 6,
            partial(self._look, session),
            partial(self._ring, session),
        ]
        try:
            dice.choice(doing)()
        except (StoreUnavailable, Contention, Fenced):
            return  # a loop would try again, and so do we

    def _command(self, session: Session) -> None:
        dice = self.chaos.dice
        command: Command = Wind(dice.choice(HANDS), dice.choice((0.0, 2.0, 10.0, 60.0)))
        throw = dice.random()
        if throw < 0.3:
            command = Stop(dice.choice(HANDS))
        elif throw < 0.33:
            command = Scrap()
        session.category(clock).handle(dice.choice(KEYS), command)

    def _follow(self, session: Session) -> None:
        for follower in self.chaos.dice.choice(list(session.sources().values()))():
            follower.step()

    def _look(self, session: Session) -> None:
        assert session.timers is not None
        look = session.timers.fire()
        if look.trouble is not None:
            raise look.trouble

    def _ring(self, session: Session) -> None:
        assert session.timers is not None
        for alarm in self.sky.due(self.chaos.clock.now()):
            session.timers.ring(alarm.stream, alarm.timer, alarm.at)
