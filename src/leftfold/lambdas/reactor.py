"""The reactor: events become commands, in a function that the log's stream wakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from leftfold.app import App
from leftfold.core.errors import ConfigError
from leftfold.core.processes import Reaction
from leftfold.lambdas.container import Handler, Options
from leftfold.lambdas.following import follows
from leftfold.processes.react import reaction_name


def reactor(app: App, *, reactions: Sequence[Reaction | str] | None = None, **options: Unpack[Options]) -> Handler:
    """A handler that runs these reactions, given as functions or by their names; all of the app's by default.

    Triggers: the stream of the log table, Kinesis records that were published from the log, a schedule, a direct call.

    >>> handler = reactor(bank)
    """
    chosen = list(app.reactions) if reactions is None else [_name(app, one) for one in reactions]
    names = [reaction_name(name) for name in chosen]
    return follows(app, "reactor", lambda session: names, options)


def _name(app: App, asked: Reaction | str) -> str:
    found = next((name for name, react in app.reactions.items() if asked in (name, react)), None)
    if found is None:
        raise ConfigError(f"{asked!r} is no reaction of app {app.name!r}: add it to reactions=[...].")
    return found
