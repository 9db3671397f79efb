"""Reacting: each event of interest is turned into commands, whose ids derive from it, so redelivery sends nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from leftfold.codec.envelope import Codec
from leftfold.core.annotations import members, parameter, unwrap
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.core.events import Recorded
from leftfold.core.processes import Reaction, Send, sent_id
from leftfold.handling.sending import Deliver, Refusal
from leftfold.ports.checkpoints import Checkpoints
from leftfold.subscriptions.feed import Interest, select, stream_lane
from leftfold.subscriptions.lanes import Lanes
from leftfold.subscriptions.onebyone import OneByOne


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
        deliver: Deliver,
    ) -> None:
        self.subscriber = reaction_name(reacting.name)
        self._reacting, self._deliver = reacting, deliver
        work = OneByOne(self.subscriber, lambda page: select(codec, page, interest), self.react, checkpoints)
        self.take, self.retry = work.take, work.retry

    def react(self, event: Recorded[Any], lanes: Lanes) -> Exception | None:
        """Send what the event calls for. Returns the store's trouble, if that is what stopped it."""
        if lanes.waits_for_stream(event):
            return None
        lane = stream_lane(str(event.stream))
        sends = attempt(self._reacting.sends, event)
        if isinstance(sends, Failed):
            lanes.park(lane, event.position, str(sends))
            return None
        for index, one in enumerate(sends):
            command_id = sent_id(self._reacting.name, event.id, index)
            refusal = attempt(partial(self._deliver, actor=self.subscriber), one, event, command_id)
            if isinstance(refusal, Refusal):
                why = f"{type(one.command).__name__}: {Failed(refusal.error)}"
                lanes.note("refused", f"sent:{command_id}", event.position, why)
            elif isinstance(refusal, Failed):
                if isinstance(refusal.error, StoreUnavailable | Contention):
                    return refusal.error
                lanes.park(lane, event.position, str(refusal))
                return None
        return None
