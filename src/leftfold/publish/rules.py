"""Rules: which events are public, as what, and where they go. Nothing is public unless a rule says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct

from leftfold.codec.door import Door
from leftfold.core.annotations import label, members, parameter, returned, unwrap
from leftfold.core.errors import ConfigError, NotEncodable, UnknownType
from leftfold.core.events import Recorded
from leftfold.core.schema import Schema
from leftfold.ports.publisher import Publisher

TYPE_CHARS: Final = 128  # of a public type's name: what EventBridge takes as a detail type
PUBLIC_BYTES: Final = 8 * 1024 * 1024  # of one public event: a claim check holds it, and a consumer's memory too

AsPublic = Callable[[Any], object]
"""From a recorded event, or its data, to the public event; None publishes nothing. Pure: it is asked again."""


class Publish:
    """Publish events of `types` (a class, a union, or several) to a URL or a Publisher, as what `as_` makes of them.

    `as_(event: Recorded[X]) -> Public | None`; the public class's name is its type on the wire, or `names` says another.
    All rules of one destination share its order and its progress. A new destination begins at the start of the log.
    """

    __slots__ = ("as_", "names", "to", "types")

    def __init__(
        self, types: Any, *, to: str | Publisher, as_: AsPublic, names: Mapping[type, str] | None = None
    ) -> None:
        parts = cast("Sequence[Any]", types) if isinstance(types, list | tuple) else (types,)
        self.types = tuple(dict.fromkeys(one for part in parts for one in members(part)))
        self.to, self.as_ = to, as_
        self.names = dict(names or {})

    def __repr__(self) -> str:
        return f"Publish({', '.join(one.__name__ for one in self.types)}, to={destination_name(self.to)!r})"


class Public(Struct, frozen=True):
    """A public event, ready for the envelope."""

    type: str
    data: bytes


class Rule:
    """One `Publish`, made ready."""

    def __init__(self, publish: Publish) -> None:
        self.publish = publish
        self.takes_recorded = True
        self.public: tuple[type, ...] = ()
        self._doors: dict[type, Door] = {}
        if getattr(publish.as_, "__annotations__", None) != {}:  # a lambda takes what it is given
            self._check_annotations(publish.as_)

    def of(self, event: Recorded[Any]) -> object | None:
        """What the user's function makes of the event, whatever that is."""
        return self.publish.as_(event if self.takes_recorded else event.data)

    def public_event(self, value: object) -> Public:
        """Through the same door as stored events. Raises NotEncodable, TooLarge, UnknownType for a foreign class."""
        cls = type(value)
        door = self._doors.get(cls)
        if door is None:
            if (self.public and cls not in self.public) or not _is_event(cls):
                raise UnknownType(
                    f"{label(self.publish.as_)} returned a {cls.__qualname__}: return what its annotation says, "
                    "a struct or a dataclass.",
                    type=cls.__qualname__,
                )
            _check_type(self.name_of(cls))
            door = self._doors[cls] = Door(cls)
        return Public(self.name_of(cls), door.encode(value, PUBLIC_BYTES))

    def name_of(self, cls: type) -> str:
        return self.publish.names.get(cls, cls.__name__)

    def _check_annotations(self, as_: AsPublic) -> None:
        annotation, self.takes_recorded = unwrap(parameter(as_, 0), Recorded)
        takes = members(annotation)
        for one in self.publish.types:
            if not issubclass(one, takes):
                raise ConfigError(
                    f"{self.publish!r}: {label(as_)} does not take {one.__qualname__}: widen its parameter."
                )
        self.public = tuple(one for one in members(returned(as_)) if one is not type(None))
        for cls in self.public:
            if not _is_event(cls):
                raise ConfigError(
                    f"{label(as_)} returns {cls.__qualname__}: a public event is a struct or a dataclass."
                )
            try:
                self._doors[cls] = Door(cls)
            except NotEncodable as error:
                raise ConfigError(f"{label(as_)}: {error}") from error


class Destination:
    """All rules of one destination: one subscriber, `publish:NAME`, with its own progress."""

    def __init__(self, to: str | Publisher) -> None:
        self.to, self.name = to, destination_name(to)
        self.rules: dict[type, Rule] = {}
        self._names: dict[str, type] = {}

    @property
    def types(self) -> tuple[type, ...]:
        return tuple(self.rules)

    def add(self, publish: Publish) -> None:
        if publish.to != self.to:
            raise ConfigError(f"two ways to {self.name!r}: {publish.to!r} and {self.to!r}. Name it once.")
        rule = Rule(publish)
        for one in publish.types:
            if self.rules.setdefault(one, rule) is not rule:
                raise ConfigError(
                    f"two rules publish {one.__qualname__} to {self.name!r}: one event is one message there."
                )
        for cls in rule.public:
            name = rule.name_of(cls)
            _check_type(name)
            if self._names.setdefault(name, cls) is not cls:
                raise ConfigError(
                    f"two public classes are called {name!r} at {self.name!r}: give one another name, "
                    f"names={{{cls.__name__}: ...}}."
                )


def destinations(schema: Schema, rules: Sequence[Publish]) -> dict[str, Destination]:
    """The rules by destination. Raises ConfigError for those that can't work."""
    found: dict[str, Destination] = {}
    for rule in rules:
        if not rule.types or object in rule.types:
            raise ConfigError(f"{rule!r}: name the event classes. Nothing becomes public by accident.")
        schema.check_subscription(repr(rule), rule.types)
        name = destination_name(rule.to)
        found.setdefault(name, Destination(rule.to)).add(rule)
    return found


def destination_name(to: str | Publisher) -> str:
    """A URL without its options, or the publisher's own name: region and endpoint may change, progress stays."""
    return to.partition("?")[0] if isinstance(to, str) else to.name


def publish_name(destination: str) -> str:
    """A destination's subscriber name."""
    return f"publish:{destination}"


def _check_type(name: str) -> None:
    if not 0 < len(name) <= TYPE_CHARS:
        raise ConfigError(f"the public type {name!r} must have 1 to {TYPE_CHARS} characters.")


def _is_event(cls: type) -> bool:
    return hasattr(cls, "__struct_fields__") or hasattr(cls, "__dataclass_fields__")
