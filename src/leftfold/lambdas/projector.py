"""The projector: views, kept up to date by a function that the log's stream wakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from leftfold.app import App
from leftfold.core.errors import ConfigError
from leftfold.core.views import AnyView
from leftfold.lambdas.container import Handler, Options
from leftfold.lambdas.following import follows


def projector(app: App, *, views: Sequence[AnyView] | None = None, **options: Unpack[Options]) -> Handler:
    """A handler that folds the log into these views, all of them by default; every build of each is maintained.

    Triggers: the stream of the log table, Kinesis records that were published from the log, a schedule, a direct call.

    >>> handler = projector(bank)
    """
    chosen = app.views if views is None else views
    for view in chosen:
        if view not in app.views:
            raise ConfigError(f"{view!r} is no view of app {app.name!r}: add it to views=[...].")
    names = list(dict.fromkeys(f"view {view.name}" for view in chosen))
    return follows(app, "projector", lambda session: names, options)
