"""The schema: every event class of an app, its name on disk, and how old ones are lifted. Read from the unions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from leftfold.core.annotations import members, parameter
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError
from leftfold.core.evolution import Upcast, chain, upcasts_by_type


class Schema:
    """Names on disk and classes, one to one, within one app.

    `types` maps each stored name to the class that decodes it, `names` the other way; `lifts` maps an old class to the
    functions that make it today's; `current` maps each stored name to today's class; `categories` maps each category that
    one decider owns to the classes that it emits.
    """

    def __init__(self) -> None:
        self.types: dict[str, type] = {}
        self.names: dict[type, str] = {}
        self.lifts: dict[type, tuple[Upcast, ...]] = {}
        self.current: dict[str, type] = {}
        self.categories: dict[str, frozenset[type]] = {}

    def add_decider(self, decider: Decider[Any, Any, Any]) -> None:
        """Take in a decider's events, names and upcasts."""
        events = event_types(decider)
        names: Mapping[type, str] = getattr(decider, "names", {})
        self.add(events, names=names, upcasts=getattr(decider, "upcasts", ()))
        if not hasattr(decider, "boundary"):
            self.categories[decider.category] = frozenset(events)

    def add(self, events: Iterable[type], *, names: Mapping[type, str], upcasts: Iterable[Upcast]) -> None:
        """Take in event classes. Raises ConfigError when one name would mean two classes."""
        by_type = upcasts_by_type(upcasts)
        for event in dict.fromkeys([*events, *by_type]):
            self._claim(event, names.get(event, self.names.get(event, event.__name__)))
            last, steps = chain(event, by_type)
            if steps:
                self._claim(last, names.get(last, self.names.get(last, last.__name__)))
                self.lifts[event] = steps
            self.current[self.names[event]] = last

    def stored_names(self, types: Iterable[type]) -> frozenset[str]:
        """Every name on disk that reads as one of `types` today; with `object` among them, every name."""
        wanted = set(types)
        if object in wanted:
            return frozenset(self.types)
        return frozenset(name for name, last in self.current.items() if last in wanted)

    def check_subscription(self, who: str, types: Iterable[type]) -> None:
        """Refuse a subscription that could never see an event: to a class that nobody emits, or to an old one."""
        today = set(self.current.values())
        for one in types:
            if one in self.lifts:
                raise ConfigError(f"{who} takes {one.__qualname__}, which an upcast lifts: take what it becomes.")
            if one is not object and one not in today:
                raise ConfigError(
                    f"{who} takes {one.__qualname__}, which no decider of this app emits: see App(deciders=)."
                )

    def _claim(self, event: type, name: str) -> None:
        held = self.types.setdefault(name, event)
        if held is not event:
            raise ConfigError(
                f"two event classes are called {name!r} on disk: {held.__module__}.{held.__qualname__} and "
                f"{event.__module__}.{event.__qualname__}. Give one a name of its own: names = {{{event.__name__}: ...}}."
            )
        if self.names.setdefault(event, name) != name:
            raise ConfigError(f"{event.__qualname__} has two names on disk: {self.names[event]!r} and {name!r}.")


def event_types(decider: Decider[Any, Any, Any]) -> tuple[type, ...]:
    """The classes in the annotation of evolve's event: the decider's schema."""
    return members(parameter(decider.evolve, 1))


def command_types(decider: Decider[Any, Any, Any]) -> tuple[type, ...]:
    """The classes in the annotation of decide's command, or those that the decider names itself, as a workflow does."""
    named: tuple[type, ...] = getattr(decider, "commands", ())
    return named or members(parameter(decider.decide, 0))
