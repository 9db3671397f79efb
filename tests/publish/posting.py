"""A process that appends and publishes, and ends itself (SIGKILL) at a step that it is told, without a word."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.publisher import Claims, Failure, Limits, Message
from leftfold.publish import CloudEvent, read
from leftfold.subscriptions import follow
from tests.publish import bugs
from tests.publish.post import parcels, post, some_events
from tests.reliability.projecting import FileClock

STEPS: Final = ("append", "appended", "taking", "sending", "sent one", "sent", "moving", "moved")
KEYS: Final = tuple(f"k{number}" for number in range(5))
PAGE: Final = 4  # events: most pages end in the middle of a stream's
ROUNDS: Final = 12


class Death:
    """Comes at the `count`-th time that a step is reached."""

    def __init__(self, step: str, count: int) -> None:
        self._step, self._left = step, count

    def at(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Mail:
    """A publisher that writes a line a message to a file, which the process's end doesn't take with it."""

    def __init__(self, path: str, death: Death) -> None:
        self._out, self._death = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), death

    name = "mail"
    limits = Limits(entries=3, entry_bytes=1 << 20, call_bytes=1 << 20)
    claims: Claims | None = None

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        self._death.at("sending")
        for message in messages:
            os.write(self._out, message.body + b"\n")
            self._death.at("sent one")
        self._death.at("sent")
        return [None] * len(messages)

    def close(self) -> None:
        os.close(self._out)


def arrived(path: Path) -> list[CloudEvent]:
    return [read(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def work(path: str, clock: str, mail: str, step: str, count: int, seed: int, bug: str | None) -> None:
    """Append and publish in turns; where death doesn't come, to the log's end."""
    if bug:
        getattr(bugs, bug)(pytest.MonkeyPatch())
    follow.BATCH_EVENTS = PAGE  # type: ignore[misc]
    death, dice = Death(step, count), random.Random(seed)
    publisher = Mail(mail, death)
    backend: Any = open_sqlite(Path(path), clock=FileClock(Path(clock)))
    _around(backend.store, "append", death, "append", "appended")
    _around(backend.checkpoints, "move", death, "moving", "moved")
    _around(backend.log, "page", death, "taking", "")
    with post(publisher).open(backend) as session:
        for _ in range(ROUNDS):
            for _ in range(dice.randrange(4)):
                session.category(parcels).handle(dice.choice(KEYS), some_events(dice))
            if dice.random() < 0.5:
                session.catch_up()
        session.catch_up()


def _around(port: Any, name: str, death: Death, before: str, after: str) -> None:
    method: Callable[..., Any] = getattr(port, name)

    def called(*arguments: Any, **named: Any) -> Any:
        death.at(before)
        answer = method(*arguments, **named)
        death.at(after)
        return answer

    setattr(port, name, called)
