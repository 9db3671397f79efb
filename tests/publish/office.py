"""A publisher whose verdicts the test gives, and sessions that publish to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leftfold import Session
from leftfold.ports.publisher import Claims, Failure, Limits, Message
from leftfold.publish import read
from tests.publish.post import (
    Judge,
    parcels,
    post,
)

AGAIN = Failure("again", "Busy: later")

Verdict = Callable[[Message], Failure | None]


class Office:
    """A publisher whose verdicts the test gives. `calls` are the ids of each call, `taken` the messages it took."""

    def __init__(self, verdict: Verdict = lambda message: None, *, claims: Claims | None = None, **limits: Any) -> None:
        self.verdict, self.claims = verdict, claims
        self.limits = Limits(**{"entries": 10, "entry_bytes": 10_000, "call_bytes": 100_000, **limits})
        self.name = "office"
        self.calls: list[list[str]] = []
        self.taken: list[Message] = []
        self.raises: list[Exception | None] = []
        self.closed = False

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        self.calls.append([message.id for message in messages])
        if self.raises and (error := self.raises.pop(0)) is not None:
            raise error
        answers: list[Failure | None] = []
        stopped: set[str] = set()
        for message in messages:
            answer = AGAIN if message.stream in stopped else self.verdict(message)
            if answer is None:
                self.taken.append(message)
            else:
                stopped.add(message.stream)
            answers.append(answer)
        return answers

    def close(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.taken]


def failing(*ids: str, failure: Failure = AGAIN, times: int = 10**6) -> Verdict:
    left = dict.fromkeys((f"parcel/{one}" for one in ids), times)

    def verdict(message: Message) -> Failure | None:
        if not left.get(message.id):
            return None
        left[message.id] -= 1
        return failure

    return verdict


def opened(office: Office, *histories: tuple[str, list[Any]]) -> Session:
    session = post(office).open("memory:")
    for key, events in histories:
        session.category(parcels).handle(key, events)
    return session


def progress(session: Session) -> int:
    return session.backend.checkpoints.load("publish:office").position


def faults(session: Session, office: Office) -> list[str]:
    return Judge(session, "publish:office").faults([read(message.body) for message in office.taken])
