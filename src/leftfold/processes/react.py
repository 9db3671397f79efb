"""Reacting: each event of interest is turned into commands, whose ids derive from it, so redelivery sends nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from leftfold.codec.envelope import Codec
from leftfold.core.annotations import members, parameter, unwrap
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.core.events import Recorded, Stored
from leftfold.core.processes import Reaction, Send, sent_id
from leftfold.ports.checkpoints import Checkpoints, DeadLetter, Move, Progress
from leftfold.subscriptions.feed import Interest, Unreadable, select, stream_lane
from leftfold.subscriptions.lanes import Lanes, without

TURN_S: Final = 1.5  # for one step: within half a lease, and within the time that a Lambda function keeps for its end

Dispatch = Callable[[Send, Recorded[Any], str], None]
"""Handles one sent command, under the given id, as caused by the given event."""

Refuses = Callable[[Send, Exception], bool]


def reaction_name(name: str) -> str:
    """A reaction's subscriber name."""
    return f"reaction:{name}"


class Reacting:
    """What a reaction reads, made ready."""

    def __init__(self, name: str, react: Reaction) -> None:
        self.name, self.react = name, react
        annotation, self.takes_recorded = unwrap(parameter(react, 0), Recorded)
        self.types = members(annotation)

    def sends(self, event: Recorded[Any]) -> Sequence[Send]:
        return list(self.react(event if self.takes_recorded else event.data))


class Reactor:
    """Work: one reaction. A refused command is recorded and not retried; a failing event parks its stream."""

    def __init__(
        self,
        reacting: Reacting,
        interest: Interest,
        codec: Codec,
        checkpoints: Checkpoints,
        dispatch: Dispatch,
        refuses: Refuses,
    ) -> None:
        self.subscriber = reaction_name(reacting.name)
        self._reacting, self._interest, self._codec = reacting, interest, codec
        self._checkpoints, self._dispatch, self._refuses = checkpoints, dispatch, refuses

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        lanes = Lanes(self.subscriber, progress.parked)
        reached, trouble = page[-1].position, None
        over = time.monotonic() + TURN_S
        for event in select(self._codec, page, self._interest):
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
            elif not lanes.waits_for_stream(event):
                trouble = self.react(event, lanes)
                if trouble is not None:  # the store's trouble, not the event's: stop before it, and come back
                    reached = event.position - 1
                    break
                if time.monotonic() >= over:  # each is a command or more: a whole page may take minutes
                    reached = event.position
                    break
        if reached > progress.position:
            move = Move(self.subscriber, progress.revision, reached, token, lanes.letters())
            self._checkpoints.move(move)
        if trouble is not None:
            raise trouble
        return reached

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        for event in select(self._codec, page, self._interest):
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
            elif not lanes.waits_for_stream(event) and (trouble := self.react(event, lanes)) is not None:
                raise trouble
        self._checkpoints.move(lanes.drained(progress, letters))

    def react(self, event: Recorded[Any], lanes: Lanes) -> Exception | None:
        """Send what the event calls for. Returns the store's trouble, if that is what stopped it."""
        lane = stream_lane(str(event.stream))
        sends = attempt(self._reacting.sends, event)
        if isinstance(sends, Failed):
            lanes.park(lane, event.position, str(sends))
            return None
        for index, one in enumerate(sends):
            command_id = sent_id(self._reacting.name, event.id, index)
            done = attempt(self._dispatch, one, event, command_id)
            if not isinstance(done, Failed):
                continue
            if isinstance(done.error, StoreUnavailable | Contention):
                return done.error
            if self._refuses(one, done.error):
                lanes.note("refused", f"sent:{command_id}", event.position, f"{type(one.command).__name__}: {done}")
            else:
                lanes.park(lane, event.position, str(done))
                return None
        return None
