"""Publishers with a bug each: the public contract must find every one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from leftfold.adapters.inprocess import InProcess
from leftfold.core.errors import StoreUnavailable
from leftfold.ports.publisher import Failure, Limits, Message


class Sound:
    """The control: it must fail nothing."""

    def __init__(self) -> None:
        self.inbox: list[Message] = []
        self._inner = InProcess("orders", self.inbox.append)
        self.claims = self._inner.claims

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def limits(self) -> Limits:
        return self._inner.limits

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return self._inner.send(messages)

    def close(self) -> None:
        self._inner.close()


class LosesTheLast(Sound):
    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return [*super().send(messages[:-1]), None]


class TellsOnlyFailures(Sound):
    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return [answer for answer in super().send(messages) if answer]


class SendsBackwards(Sound):
    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return super().send(list(reversed(messages)))


class TakesTextForLatin(Sound):
    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return super().send([replace(one, body=one.body.decode().encode("latin-1", "replace")) for one in messages])


class CutsLongBodies(Sound):
    limits = Limits(1000, 1 << 20, 1 << 30, run=1000)

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        return super().send([one if len(one.body) < 900_000 else replace(one, body=b"{}") for one in messages])


class KnowsIdsOnlyInLowerCase(Sound):
    """It drops what it takes for a copy."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        for one in messages:
            if one.id.lower() not in self._seen:
                self._seen.add(one.id.lower())
                super().send([one])
        return [None] * len(messages)


class RefusesWhatItHasTaken(Sound):
    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        again = [one.id in self._seen for one in messages]
        self._seen |= {one.id for one in messages}
        answers = super().send(messages)
        return [Failure("refused", "again?") if old else answer for old, answer in zip(again, answers, strict=True)]


class TakesOneCallAtATime(Sound):
    limits = Limits(1000, 1 << 20, 1 << 30, run=1000, calls=2)

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        self._count += 1
        if self._count > 1:
            raise StoreUnavailable("busy")
        return super().send(messages)


class HasNoRoom(Sound):
    limits = Limits(entries=10, entry_bytes=2_000_000, call_bytes=1_000_000)


class ChangesItsName(Sound):
    _calls = 0

    @property
    def name(self) -> str:
        self._calls += 1
        return f"bus-{self._calls}"


class NamesItsOptions(Sound):
    name = "eventbridge:orders?region=eu-west-1"


BUGS = (
    LosesTheLast,
    TellsOnlyFailures,
    SendsBackwards,
    TakesTextForLatin,
    CutsLongBodies,
    KnowsIdsOnlyInLowerCase,
    RefusesWhatItHasTaken,
    TakesOneCallAtATime,
    HasNoRoom,
    ChangesItsName,
    NamesItsOptions,
)
