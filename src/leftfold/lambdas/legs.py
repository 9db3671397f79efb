"""Followers on their way, as far as one invocation takes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from leftfold.core.errors import Contention, Fenced, LeftfoldError, StoreUnavailable
from leftfold.lambdas.container import Call
from leftfold.session import Session
from leftfold.subscriptions.follow import MAX_FENCED, STUCK_S, Follower
from leftfold.telemetry import metrics

BESIDE_S: Final = (
    2.0  # of a call, for builds that don't serve: a rebuild is another job's, and must not hold up the live one
)
PAUSE_S: Final = 0.05  # before the next look, while another container leads or a replica lags; it doubles
MAX_PAUSE_S: Final = 0.5


class Leg:
    """One source's way to the position `upto`. Its first follower, which serves, must get there; `others` come along."""

    def __init__(self, call: Call, session: Session, name: str, followers: Sequence[Follower], upto: int) -> None:
        self._call, self.session, self.name, self.upto = call, session, name, upto
        self.leader, self.others = followers[0], followers[1:]
        self.passed = 0
        self._looked = self._gave_up = False
        self._fenced = 0

    @property
    def reached(self) -> int:
        """Where the checkpoint was last seen in this call; 0 for one that wasn't."""
        return self.leader.position if self._looked else 0

    @property
    def covers(self) -> bool:
        return self._looked and self.leader.position >= self.upto

    @property
    def is_over(self) -> bool:
        return self.covers or self._gave_up

    def step(self) -> bool:
        """Take a page. Whether more can be done at once; False where somebody else must do something first."""
        try:
            moved = self.leader.step() or 0
            self._looked = True
        except Fenced:
            self._call.telemetry.count(metrics.FENCED, subscriber=self.name)
            self._fenced += 1
            self._gave_up = self._fenced > MAX_FENCED
            return True
        except LeftfoldError as error:  # its own: the others go on
            self._gave_up = True
            self._call.telemetry.log(
                "warning" if isinstance(error, StoreUnavailable | Contention) else "error",
                "a subscriber stopped",
                subscriber=self.leader.subscriber,
                tenant=self.session.backend.tenant,
                position=self.leader.position,
                error=type(error).__name__,
                reason=str(error),
            )
            return False
        self.passed += moved
        return moved > 0

    def bring_others(self, until_s: float) -> None:
        """Step the builds that don't serve, while there is time: what is left of a rebuild is another job's."""
        for follower in self.others:
            while time.monotonic() < until_s and not self._call.deadline.passed:
                try:
                    if not follower.step():
                        break
                except LeftfoldError as error:
                    self._call.telemetry.log(
                        "warning", "a build stopped", subscriber=follower.subscriber, error=type(error).__name__
                    )
                    break

    def let_go(self) -> None:
        """Let the next container lead at once."""
        for follower in (self.leader, *self.others):
            try:
                follower.release()
            except StoreUnavailable:
                continue  # it runs out by itself


def cover(call: Call, legs: Sequence[Leg]) -> None:
    """Take every leg to its end, or as far as the time goes. Where another container leads, it is waited for."""
    pause, waited = PAUSE_S, 0.0
    try:
        while (waiting := [leg for leg in legs if not leg.is_over]) and not call.deadline.passed and waited < STUCK_S:
            if _round(call, waiting):
                pause, waited = PAUSE_S, 0.0
            elif not all(leg.is_over for leg in waiting):
                wait(min(pause, call.deadline.left_s()))
                pause, waited = min(2 * pause, MAX_PAUSE_S), waited + pause
        beside = time.monotonic() + BESIDE_S
        for leg in legs:
            leg.bring_others(beside)
    finally:
        for leg in legs:
            leg.let_go()
    if not all(leg.is_over for leg in legs):
        call.telemetry.count(metrics.DEADLINE_STOPS)


def _round(call: Call, legs: Sequence[Leg]) -> bool:
    """A step of each. Whether any can go on at once."""
    moved = False
    for leg in legs:
        if call.deadline.passed:
            break
        moved = leg.step() or moved
    return moved


def wait(pause_s: float) -> None:
    """Until another container has moved: there is nothing here that would tell."""
    time.sleep(pause_s)
