"""Running a process: events become steps in its instances' streams, and what a step sends is sent from there.

Whatever is done is written down before it, under an id that derives from what it was done for. So each event of the log
may come again: the step is there, the command is known, the refusal was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from msgspec import Raw

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Conflict, Contention, StoreUnavailable
from leftfold.core.events import Recorded, Stored
from leftfold.core.processes import sent_id
from leftfold.core.runs import REACTED, Denied, Fired, Reacted, Sent
from leftfold.handling.decide import Deciding, Request
from leftfold.handling.sending import Ask, Delivers, Outbox, Refusal
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Progress
from leftfold.processes.ahead import Ahead, Todo
from leftfold.processes.instances import Instance, Instances, Stepping, took
from leftfold.subscriptions.feed import Unreadable, interest, select, stream_lane
from leftfold.subscriptions.lanes import Lanes
from leftfold.subscriptions.onebyone import OneByOne, Select

REACT: Final = "react"  # what is noted as the command of a step
MAX_ANSWERS: Final = 10  # a refusal that ten times in a row was out of date when it was to be recorded: come back later


def process_name(name: str) -> str:
    """A process's subscriber name."""
    return f"process:{name}"


class _Heard(Exception):
    """The command was refused before, and its process has heard of it."""


class Running:
    """One process, all versions of it: Work that takes events and sends what steps say, and the owner of its timers."""

    def __init__(
        self,
        instances: Instances,
        outbox: Outbox,
        backend: Backend,
        codec: Codec,
        deliver: Delivers,
        rung: Callable[[], None],
    ) -> None:
        self.name = instances.category
        self.subscriber = process_name(self.name)
        self.instances = instances
        self._outbox, self._backend, self._codec = outbox, backend, codec
        self._deliver, self._rung = deliver, rung
        self._deciding: Deciding[Instance, Reacted] = Deciding(instances, backend, codec)
        self._interest = interest(codec.schema, (*instances.types, Reacted))
        self._own = f"{self.name}/"

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        events, ahead = self._select(page), Ahead(self._backend.store, progress.parked)
        ahead.go(self._todos(events))
        if ahead.done:
            self._rung()
        return self._work(lambda _: events, ahead.done).take(page, progress, token)

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        self._work(self._select, frozenset[Hashable]()).retry(page, letters, progress)

    def _work(self, select: Select, done: Container[Hashable]) -> OneByOne:
        return OneByOne(self.subscriber, select, partial(self._step, done), self._backend.checkpoints)

    def instance(self, key: str) -> Instance:
        """The instance as it is now."""
        return self._deciding.loader.load((self._stream(key),)).state

    def _stream(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _select(self, page: Sequence[Stored]) -> list[Recorded[Any] | Unreadable]:
        """What correlate is to see, and this process's own steps; payloads as they are stored."""
        found: list[Recorded[Any] | Unreadable] = []
        peek, names, own = self._codec.peek, self._interest.names, self._own
        for stored in page:
            if stored.type in names:
                event = peek(stored)
                if stored.type != REACTED or event.slots[0][0].startswith(own):
                    found.append(event)
            else:
                found += select(self._codec, (stored,), self._interest)
        return found

    def _todos(self, events: Sequence[Recorded[Any] | Unreadable]) -> Iterator[Todo]:
        """What the events call for, as long as each of them can be read: the ordinary way says what can't."""
        for event in events:
            if isinstance(event, Unreadable) or isinstance(typed := self._typed(event), Failed):
                return
            if isinstance(typed.data, Reacted):
                lanes = (stream_lane(typed.slots[0][0]),)
                for index, sent in enumerate(typed.data.sends):
                    ask = attempt(self._ask_to_send, typed, index, sent)
                    if isinstance(ask, Failed):
                        return
                    yield Todo((event.id, index), lanes, ask)
                continue
            found = attempt(self.instances.keys, typed)
            if isinstance(found, Failed):
                return
            for key, versions in found:
                ask = self._ask(key, took(typed, event.data), typed, sent_id(self.name, event.id, 0), versions)
                own, source = stream_lane(self._stream(key)), stream_lane(event.slots[0][0])
                yield Todo((event.id, key), (own, source), ask)

    def _typed(self, event: Recorded[Raw]) -> Recorded[Any] | Failed:
        data = attempt(self._codec.payload, event.type, event.data, event.id)
        if isinstance(data, Failed):
            return data
        return Recorded(data, event.type, event.slots, event.position, event.at, event.meta)

    def _step(self, done: Container[Hashable], event: Recorded[Raw], lanes: Lanes) -> Exception | None:
        """One event of the log. Returns the store's trouble, if that is what stopped it."""
        if lanes.waits_for_stream(event):
            return None
        typed = self._typed(event)
        if isinstance(typed, Failed):
            lanes.park(stream_lane(event.slots[0][0]), event.position, str(typed))
            return None
        if isinstance(typed.data, Reacted):
            return self._send_on(done, typed, lanes)
        return self._take(done, typed, event.data, lanes)

    # an event becomes a step

    def _take(self, done: Container[Hashable], event: Recorded[Any], payload: Raw, lanes: Lanes) -> Exception | None:
        found = attempt(self.instances.keys, event)
        if isinstance(found, Failed):
            lanes.park(stream_lane(event.slots[0][0]), event.position, str(found))
            return None
        for key, versions in found:
            lane = stream_lane(self._stream(key))
            if (event.id, key) in done:
                continue
            if lanes.holds(lane, event.position):
                lanes.park(lane, event.position)
                continue
            step = attempt(self._advance, key, took(event, payload), event, sent_id(self.name, event.id, 0), versions)
            if isinstance(step, Failed):
                if isinstance(step.error, StoreUnavailable | Contention):
                    return step.error
                lanes.park(lane, event.position, str(step))
        return None

    def _advance(
        self,
        key: str,
        stepping: Stepping,
        because: Recorded[Any],
        command_id: str,
        versions: frozenset[int] | None = None,
        guards: dict[str, int] | None = None,
    ) -> bool:
        """Append the step that comes of a cause, once. False when none does, or it is there already."""
        ask = self._ask(key, stepping, because, command_id, versions, guards)
        outcome = self._deciding.handle(ask.request, ask.decide, ask.place)
        if outcome.events:
            self._rung()
        return bool(outcome.events) and not outcome.repeated

    def _ask(
        self,
        key: str,
        stepping: Stepping,
        because: Recorded[Any],
        command_id: str,
        versions: frozenset[int] | None = None,
        guards: dict[str, int] | None = None,
    ) -> Ask:
        """The step that comes of a cause, to be decided."""
        stream = self._stream(key)

        def decide(instance: Instance) -> Sequence[Reacted]:
            if versions is not None and not self.instances.takes(instance, versions):
                return []
            return self.instances.decide(stepping, instance)

        request = Request(
            (stream,),
            REACT,
            command_id=command_id,
            correlation_id=because.meta.correlation_id or because.meta.command_id or None,
            causation_id=because.id,
            actor=self.subscriber,
            traceparent=because.meta.traceparent,
            guards=guards,
        )
        return Ask(self._deciding, request, decide, lambda _: (stream,))

    # a step's commands are sent

    def _send_on(self, done: Container[Hashable], event: Recorded[Reacted], lanes: Lanes) -> Exception | None:
        for index, sent in enumerate(event.data.sends):
            went = None if (event.id, index) in done else attempt(self._send, event, index, sent, lanes)
            if isinstance(went, Failed):
                if isinstance(went.error, StoreUnavailable | Contention):
                    return went.error
                lanes.park(stream_lane(event.slots[0][0]), event.position, str(went))
                return None
        return None

    def _ask_to_send(self, event: Recorded[Reacted], index: int, sent: Sent) -> Ask:
        one, command_id = self._outbox.unpack(sent), sent_id(self.name, event.id, index)
        before = self._unless_heard(event, index, sent)
        return self._deliver.ask(one, event, command_id, actor=self.subscriber, before=before)

    def _unless_heard(self, event: Recorded[Reacted], index: int, sent: Sent) -> Callable[[], None] | None:
        """What to ask before a command is decided that might be refused, and the refusal be news to the process."""
        if not (self.instances.takes_refused and self._outbox.refusals(sent.to)):
            return None

        def before() -> None:
            if (event.version, index) in self.instance(event.key).refused:
                raise _Heard

        return before

    def _send(self, event: Recorded[Reacted], index: int, sent: Sent, lanes: Lanes) -> None:
        """Send one command, or let the process hear that it was refused.

        That the refusal is news is asked for after the target was read, and the refusal is recorded only while the target
        is as it was: so of two workers who send the same, one can't be refused while the other is not.
        """
        one, command_id = self._outbox.unpack(sent), sent_id(self.name, event.id, index)
        deliver = partial(self._deliver, one, event, command_id, actor=self.subscriber)
        before = self._unless_heard(event, index, sent)
        if before is None:
            if (refusal := deliver()) is not None:
                self._note(event, command_id, sent, refusal, lanes)
            return
        for _ in range(MAX_ANSWERS):
            try:
                refusal = deliver(before=before)
                if refusal is None or self._deny(event, index, sent, refusal):
                    return
                if self.instance(event.key).is_over:
                    self._note(event, command_id, sent, refusal, lanes)
                return
            except _Heard:
                return
            except Conflict as conflict:  # the target moved before its refusal was written down: ask it again
                if isinstance(conflict, Contention):
                    raise
        raise Contention(self._stream(event.key), 0, 0)

    def _deny(self, event: Recorded[Reacted], index: int, sent: Sent, refusal: Refusal) -> bool:
        """Append that a command was refused. False when it is there, or the instance is over.

        Raises Conflict when the target has moved on meanwhile.
        """
        error, _, reason = str(Failed(refusal.error)).partition(": ")
        cause = Denied(event.version, index, sent.to, sent.key, sent.command, sent.data, error, reason)
        command_id = sent_id(f"{self.name}:refused", event.id, index)
        return self._advance(event.key, Stepping(cause, event.at), event, command_id, guards=refusal.seen)

    def _note(self, event: Recorded[Reacted], command_id: str, sent: Sent, refusal: Refusal, lanes: Lanes) -> None:
        lanes.note("refused", f"sent:{command_id}", event.position, f"{sent.command}: {Failed(refusal.error)}")

    # its timers

    def fire(self, key: str, timer: str, at: datetime) -> bool:
        """See leftfold.core.runs.Owner."""
        now = self._backend.clock.now()
        if now < at:
            return False
        stream = self._stream(key)
        ticking = self.instance(key).ticking(timer)
        if ticking is None or ticking.at != at:
            return False
        (stored,) = self._backend.store.read(stream, after=ticking.set_by - 1, limit=1)
        command_id = sent_id(f"{self.name}:due:{timer}", f"{stream}@{ticking.set_by}", 0)
        stepping = Stepping(Fired(timer, at, ticking.set_by), now)  # a late ring leaves what follows it its time
        return self._advance(key, stepping, self._codec.peek(stored), command_id)
