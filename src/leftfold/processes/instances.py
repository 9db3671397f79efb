"""Instances: what a process's streams fold to, and the step that comes next. Everything of it but I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Raw, Struct

from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, TooLarge
from leftfold.core.events import Metadata, Recorded
from leftfold.core.processes import AnyProcess, Done, Due, Refused, Schedule, Send, Todo
from leftfold.core.runs import Cause, Denied, Fired, Reacted, Sent, Timer, Took
from leftfold.core.state import fresh
from leftfold.core.streams import CATEGORY_BYTES, KEY_BYTES, check_key
from leftfold.core.taking import Taken, takes
from leftfold.handling.sending import Outbox

INSTANCE_KEY_BYTES: Final = (
    KEY_BYTES - CATEGORY_BYTES - 1
)  # the whole stream's name is a row's key, in the view of runs
MAX_SENDS: Final = 100  # a step that sends more is a batch: give it a process of its own, or a command for many
MAX_TIMERS: Final = 100  # of one instance: all are in its row of the view of runs


class Ticking(Struct, frozen=True):
    """A timer that is still to fire; `set_by` is the version of the step that set it."""

    name: str
    at: datetime
    set_by: int


class Instance(Struct, frozen=True):
    """What a process's stream folds to. `version` is that of the code that began it, 0 before that.

    `refused` are the commands whose refusal it has heard of: (version of the step that sent it, index).
    """

    memory: Any = None
    version: int = 0
    steps: int = 0
    is_over: bool = False
    timers: tuple[Ticking, ...] = ()
    refused: frozenset[tuple[int, int]] = frozenset()

    def ticking(self, name: str) -> Ticking | None:
        return next((timer for timer in self.timers if timer.name == name), None)


class Stepping(Struct, frozen=True):
    """What an instance is to take next, and the time from which `after` counts."""

    cause: Cause
    at: datetime


class Version:
    """One version of a process, made ready."""

    def __init__(self, process: AnyProcess) -> None:
        self.process = process
        found = takes(process)
        self.types = found.correlate.types
        self.takes_due, self.takes_refused = found.due, found.refused
        self.takes_recorded = found.correlate.recorded or found.evolve.recorded or found.react.recorded
        self._correlates, self._evolves, self._reacts = found.correlate, found.evolve, found.react

    def key(self, event: Recorded[Any]) -> str | None:
        """The instance that the event is for. Raises BadKey for a key that not every store can hold."""
        if not isinstance(event.data, self.types):
            return None
        key = self.process.correlate(event if self._correlates.recorded else event.data)
        if key is not None:
            check_key(key, f"what correlate of process {self.process.name!r} returned", INSTANCE_KEY_BYTES)
        return key

    def evolve(self, memory: Any, event: Any) -> Any:
        return self.process.evolve(memory, _given(event, self._evolves)) if _fits(event, self._evolves) else memory

    def react(self, memory: Any, event: Any) -> Sequence[Todo]:
        if not _fits(event, self._reacts):
            return ()
        found: Any = self.process.react(memory, _given(event, self._reacts))
        if not isinstance(found, Iterable):
            raise ConfigError(f"{self.process!r}: react returned {found!r}; return a list, empty for nothing.")
        return list(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _fits(event: Any, has: Taken) -> bool:
    return has.due if isinstance(event, Due) else has.refused if isinstance(event, Refused) else True


def _given(event: Recorded[Any] | Due | Refused, has: Taken) -> Any:
    return event.data if isinstance(event, Recorded) and not has.recorded else event


class Instances:
    """All versions of one process: a decider of steps, whose streams are the memories."""

    def __init__(self, processes: Sequence[AnyProcess], outbox: Outbox, codec: Codec) -> None:
        self.initial = Instance()
        self.category = processes[0].name
        self.versions = {process.version: Version(process) for process in processes}
        self.newest = max(self.versions)
        self.types = tuple(dict.fromkeys(one for version in self.versions.values() for one in version.types))
        self.takes_refused = any(version.takes_refused for version in self.versions.values())
        self._outbox, self._codec = outbox, codec

    def keys(self, event: Recorded[Any]) -> list[tuple[str, frozenset[int]]]:
        """The instances that the event may be for, each with the versions that say so."""
        found: dict[str, set[int]] = {}
        for number, version in self.versions.items():
            if (key := version.key(event)) is not None:
                found.setdefault(key, set()).add(number)
        return [(key, frozenset(numbers)) for key, numbers in found.items()]

    def takes(self, instance: Instance, event: frozenset[int]) -> bool:
        """Whether the instance follows a version that correlates the event with it; a new one follows the newest."""
        return (instance.version or self.newest) in event or instance.version not in (0, *self.versions)

    def evolve(self, instance: Instance, step: Reacted) -> Instance:
        """The instance after a recorded step: its memory is folded from what was taken, by the version that took it."""
        version = self.versions.get(step.version)
        cause = step.cause
        memory = instance.memory
        if version is not None:
            before = memory if instance.version else fresh(version.process.initial)
            memory = version.evolve(before, self._event(cause))
        return self._after(instance, step, memory)

    def _after(self, instance: Instance, step: Reacted, memory: Any) -> Instance:
        number = instance.steps + 1
        over = step.status == "done"
        changed = {timer.name for timer in step.timers}
        kept = [timer for timer in instance.timers if timer.name not in changed]
        kept += [Ticking(timer.name, timer.at, number) for timer in step.timers if timer.at is not None]
        refused = instance.refused
        if isinstance(step.cause, Denied):
            refused |= {(step.cause.sent_by, step.cause.index)}
        return Instance(memory, step.version, number, over, () if over else tuple(kept), refused)

    def decide(self, stepping: Stepping, instance: Instance) -> Sequence[Reacted]:
        """The step that comes of a cause: none, when the instance is over, or the timer or the refusal is no news.

        Raises whatever evolve and react raise, ConfigError where they ask for what can't be.
        """
        cause = stepping.cause
        if instance.is_over or not _is_news(cause, instance):
            return []
        number = instance.version or self.newest
        version = self.versions.get(number)
        if version is None:
            raise ConfigError(
                f"it began with version {number} of process {self.category!r}, which is not in the code: declare that "
                "version beside the newer one until its instances are over."
            )
        event = self._event(cause)
        before = instance.memory if instance.version else version.process.initial
        memory = version.evolve(fresh(before), event)
        todo = version.react(memory, event)
        timers: dict[str, datetime | None] = {cause.name: None} if isinstance(cause, Fired) else {}
        sends: list[Sent] = []
        is_done = False
        for one in todo:
            if isinstance(one, Send):
                sends.append(self._outbox.pack(one))
            elif isinstance(one, Schedule):
                timers[one.name] = self._due_at(one, stepping, version)
            elif isinstance(one, Done):  # pyright: ignore[reportUnnecessaryIsInstance] - the user's list
                is_done = True
            else:
                raise ConfigError(f"{version.process!r}: react returned {one!r}; Send, Schedule and Done are known.")
        self._check(instance, sends, timers)
        news = [Timer(name, at) for name, at in timers.items() if at is not None or instance.ticking(name)]
        changes = () if is_done else tuple(news)
        return [Reacted(cause, number, tuple(sends), changes, "done" if is_done else "running")]

    def _due_at(self, one: Schedule, stepping: Stepping, version: Version) -> datetime | None:
        at = one.at if one.after is None else stepping.at + one.after
        if at is not None and not version.takes_due:
            raise ConfigError(f"{version.process!r} schedules {one.name!r}: its evolve or react must take Due.")
        return None if at is None else at.astimezone(UTC)  # of an hour that comes twice, only UTC says which it was

    def _check(self, instance: Instance, sends: Sequence[Sent], timers: dict[str, datetime | None]) -> None:
        if len(sends) > MAX_SENDS:
            raise TooLarge(f"process {self.category!r} sends {len(sends)} commands in one step.", limit=MAX_SENDS)
        kept = {timer.name for timer in instance.timers} - timers.keys()
        if len(kept) + sum(at is not None for at in timers.values()) > MAX_TIMERS:
            raise TooLarge(f"an instance of process {self.category!r} has too many timers.", limit=MAX_TIMERS)

    def _event(self, cause: Cause) -> Recorded[Any] | Due | Refused:
        """What evolve and react are given: made from the record, so that it is the same ever after."""
        match cause:
            case Took(id_, name, position, at, data):
                stream, _, version = id_.rpartition("@")
                event = self._codec.payload(name, data, id_)
                return Recorded(event, name, ((stream, int(version)),), position, at, Metadata())
            case Fired(name, at, _):
                return Due(name, at)
            case Denied():
                command = self._outbox.command(cause.to, cause.command, cause.data)
                return Refused(cause.to, cause.key, command, cause.error, cause.reason)


def took(event: Recorded[Any], data: Raw) -> Stepping:
    """An event of the log, with its payload as it is stored."""
    return Stepping(Took(event.id, event.type, event.position, event.at, data), event.at)


def _is_news(cause: Cause, instance: Instance) -> bool:
    match cause:
        case Took():
            return True
        case Fired(name, at, set_by):
            return instance.ticking(name) == Ticking(name, at, set_by)
        case Denied(sent_by, index):
            return (sent_by, index) not in instance.refused
