"""The reactor: events become commands, in a function that the log's stream wakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from leftfold.app import App
from leftfold.core.errors import ConfigError
from leftfold.core.processes import AnyProcess, Reaction
from leftfold.core.workflows import Workflow
from leftfold.lambdas.container import Handler, Options
from leftfold.lambdas.following import follows


def reactor(
    app: App,
    *,
    reactions: Sequence[Reaction | str] | None = None,
    runs: Sequence[AnyProcess | Workflow[Any] | str] | None = None,
    **options: Unpack[Options],
) -> Handler:
    """A handler that runs the app's reactions, processes and workflows: all of them, or else these.

    `runs` are processes and workflows. Each may be given as it was declared, or by its name, which stands for all its
    versions. Triggers: the stream of the log table, Kinesis records that were published from the log, a schedule, a direct
    call.

    >>> handler = reactor(bank)
    """
    reacting: dict[str, list[Any]] = {f"reaction:{name}": [react] for name, react in app.reactions.items()}
    running = _versions("process", app.processes) | _versions("workflow", app.workflows)
    if reactions is None and runs is None:
        names = [*reacting, *running]
    else:
        names = [_name(app, "reaction", one, reacting) for one in reactions or ()]
        names += [_name(app, "process or workflow", one, running) for one in runs or ()]
    return follows(app, "reactor", lambda session: names, options)


def _versions(kind: str, declared: Sequence[AnyProcess | Workflow[Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(one.name for one in declared)
    return {f"{kind}:{name}": [one for one in declared if one.name == name] for name in names}


def _name(app: App, what: str, asked: object, known: Mapping[str, Sequence[Any]]) -> str:
    """The subscriber that was asked for."""
    found = (name for name, declared in known.items() if asked == name.partition(":")[2] or asked in declared)
    name = next(found, None)
    if name is None:
        raise ConfigError(f"{asked!r} is no {what} of app {app.name!r}: declare it there.")
    return name
