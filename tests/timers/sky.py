"""Alarms in a test's hands: a ring may be lost, doubled, early or late, by the dice."""

import random
from datetime import datetime, timedelta
from typing import Final

from leftfold.core.errors import StoreUnavailable
from leftfold.ports.alarms import Alarm

LOST: Final = 0.25
DOUBLED: Final = 0.25
EARLY: Final = 0.2
LATE: Final = 0.2
DOWN: Final = 0.05  # the alarm could not be set
SKEW_S: Final = 90.0


class Sky:
    """What was set, and when each will ring."""

    def __init__(self, dice: random.Random, *, calm: bool = False) -> None:
        self.dice, self.calm = dice, calm
        self.rings: list[tuple[datetime, Alarm]] = []
        self.asked = 0

    def set(self, alarm: Alarm, now: datetime) -> None:
        self.asked += 1
        throw = self.dice.random
        if self.calm:
            self.rings.append((alarm.at, alarm))
            return
        if throw() < DOWN:
            raise StoreUnavailable("no alarm can be set just now")
        for _ in range(2 if throw() < DOUBLED else 1):
            if throw() < LOST:
                continue
            skew = -throw() * SKEW_S if throw() < EARLY else throw() * SKEW_S if throw() < LATE else 0.0
            self.rings.append((alarm.at + timedelta(seconds=skew), alarm))

    def due(self, now: datetime) -> list[Alarm]:
        """Those that ring now; each once."""
        ringing = [alarm for at, alarm in self.rings if at <= now]
        self.rings = [(at, alarm) for at, alarm in self.rings if at > now]
        self.dice.shuffle(ringing)
        return ringing

    def close(self) -> None:
        """Nothing was opened."""
