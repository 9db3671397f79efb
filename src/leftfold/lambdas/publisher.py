"""The publisher: public events go out, from a function that the log's stream wakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from leftfold.app import App
from leftfold.core.errors import ConfigError
from leftfold.lambdas.container import Handler, Options
from leftfold.lambdas.following import follows
from leftfold.ports.publisher import Publisher
from leftfold.publish.rules import destination_name, publish_name


def publisher(app: App, *, to: Sequence[str | Publisher] | None = None, **options: Unpack[Options]) -> Handler:
    """A handler that publishes to these destinations of the app's rules, all of them by default.

    Triggers: the stream of the log table, Kinesis records that were published from the log, a schedule, a direct call.

    >>> handler = publisher(bank)
    """
    names = list(app.destinations) if to is None else [destination_name(one) for one in to]
    for name in names:
        if name not in app.destinations:
            known = ", ".join(app.destinations) or "none"
            raise ConfigError(f"app {app.name!r} publishes nothing to {name!r} (destinations: {known}).")
    return follows(app, "publisher", lambda session: [publish_name(name) for name in names], options)
