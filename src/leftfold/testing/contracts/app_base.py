"""What the contracts of an app share: sessions that are closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from leftfold.app import App
from leftfold.session import Session
from leftfold.testing.contracts.base import Contract, MakeBackend


class OpenApp(Protocol):
    def __call__(self, app: App, tenant: str = "") -> Session: ...


class AppBase(Contract):
    """Fixtures: `open_app(app, tenant="")` gives a session; each call opens the same data, as another process would."""

    @pytest.fixture
    def open_app(self, make_backend: MakeBackend) -> Iterator[OpenApp]:
        with ExitStack() as sessions:

            def opener(app: App, tenant: str = "") -> Session:
                return sessions.enter_context(app.open(make_backend(tenant)))

            yield opener

    def catch_up(self, session: Session) -> None:
        """Settle and catch up until nothing moves: reactions append what must be settled again."""
        self.settle(session.backend)
        while session.catch_up():
            self.settle(session.backend)
