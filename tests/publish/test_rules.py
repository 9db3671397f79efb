"""Rules are checked when the app is made: what could never work, or would publish by accident, is refused there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Recorded
from leftfold.adapters.inprocess import InProcess
from leftfold.core.errors import UnknownType
from leftfold.publish import Publish
from leftfold.publish.rules import Rule
from tests.publish.post import (
    ParcelPosted,
    ParcelScanned,
    Posted,
    Scanned,
    Weighed,
    parcels,
    public,
)

BUS = "eventbridge:orders"


class Stranger(Struct, frozen=True):
    pass


@dataclass(frozen=True)
class Plain:
    n: int


def posted(event: Recorded[Posted]) -> ParcelPosted:
    return ParcelPosted(event.data.text)


def bare(event: Scanned) -> Plain | None:
    return Plain(event.n)


def as_text(event: Recorded[Posted]) -> str:
    return event.data.text


def unknowable(event: Recorded[Posted]) -> Any:
    return event.data.text


def an_app(*rules: Publish) -> App:
    return App("post", deciders=[parcels], publish=rules)


@pytest.mark.parametrize(
    ("types", "names"),
    [
        (Posted, {"Posted"}),
        (Posted | Scanned, {"Posted", "Scanned"}),
        ([Posted, Scanned], {"Posted", "Scanned"}),
        ((Posted | Scanned, Scanned), {"Posted", "Scanned"}),
    ],
)
def test_types_are_a_class_a_union_or_several(types: Any, names: set[str]) -> None:
    app = an_app(Publish(types, to=BUS, as_=public))
    (destination,) = app.destinations.values()
    assert {one.__name__ for one in destination.types} == names


def test_rules_of_one_destination_are_one_subscriber() -> None:
    app = an_app(
        Publish(Posted, to=f"{BUS}?region=eu-west-1", as_=posted),
        Publish(Scanned, to=f"{BUS}?region=eu-west-1", as_=bare),
        Publish(Posted, to="kinesis:parcels", as_=posted),
    )
    assert {name: len(one.rules) for name, one in app.destinations.items()} == {BUS: 2, "kinesis:parcels": 1}


REFUSED: list[tuple[Callable[[], App], str]] = [
    (lambda: an_app(Publish(Stranger, to=BUS, as_=lambda event: None)), "no decider of this app emits"),
    (lambda: an_app(Publish(Posted | Scanned, to=BUS, as_=posted)), "posted does not take Scanned"),
    (lambda: an_app(Publish(Any, to=BUS, as_=lambda event: event.data)), "Nothing becomes public by accident"),
    (lambda: an_app(Publish(object, to=BUS, as_=lambda event: event.data)), "Nothing becomes public by accident"),
    (lambda: an_app(Publish([], to=BUS, as_=lambda event: event.data)), "name the event classes"),
    (lambda: an_app(Publish(Posted, to=BUS, as_=as_text)), "returns str: a public event is a struct"),
    (lambda: an_app(Publish(Posted, to=BUS, as_=unknowable)), "returns object: a public event is a struct"),
    (
        lambda: an_app(Publish(Posted, to=BUS, as_=posted), Publish(Posted | Scanned, to=BUS, as_=public)),
        "two rules publish Posted",
    ),
    (
        lambda: an_app(
            Publish(Posted, to=BUS, as_=posted), Publish(Scanned, to=BUS, as_=bare, names={Plain: "ParcelPosted"})
        ),
        "two public classes are called 'ParcelPosted'",
    ),
    (
        lambda: an_app(Publish(Posted, to=BUS, as_=posted), Publish(Scanned, to=f"{BUS}?region=x", as_=bare)),
        "two ways to 'eventbridge:orders'",
    ),
    (lambda: an_app(Publish(Posted, to=BUS, as_=posted, names={ParcelPosted: "x" * 129})), "1 to 128 characters"),
    (lambda: an_app(Publish(Posted, to=BUS, as_=posted, names={ParcelPosted: ""})), "1 to 128 characters"),
]


@pytest.mark.parametrize(("make", "why"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_can_not_work_is_refused_when_the_app_is_made(make: Callable[[], App], why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        make()


def test_one_publisher_under_two_names_of_its_own_is_two_destinations() -> None:
    one, other = InProcess("a"), InProcess("b")
    app = an_app(Publish(Posted, to=one, as_=posted), Publish(Posted, to=other, as_=posted))
    assert set(app.destinations) == {"inprocess:a", "inprocess:b"}
    with pytest.raises(ConfigError, match="two ways to"):
        an_app(Publish(Posted, to=one, as_=posted), Publish(Scanned, to=InProcess("a"), as_=bare))


@pytest.mark.parametrize(
    "url", ["smoke:signals", "eventbridge:", "kinesis", "kinesis:a?shards=2", "eventbridge:a?inline=x"]
)
def test_a_url_that_names_no_publisher_is_refused_when_something_is_to_be_sent(url: str) -> None:
    with an_app(Publish(Posted, to=url, as_=posted)).open("memory:") as session:
        session.category(parcels).handle("a", [Weighed(1)])
        assert session.catch_up() == 1  # nothing to send: nothing is opened
        session.category(parcels).handle("a", [Posted("x")])
        with pytest.raises(ConfigError):
            session.catch_up()


def test_a_lambda_is_taken_as_it_is_and_what_it_returns_is_checked() -> None:
    rule = Rule(Publish(Posted, to=BUS, as_=lambda event: event.data))
    assert rule.public_event(Posted("x")).type == "Posted"
    for wrong in ("text", {"a": 1}, 7, [Posted("x")]):
        with pytest.raises(UnknownType):
            rule.public_event(wrong)


def test_what_an_annotated_function_returns_must_be_what_it_says() -> None:
    rule = Rule(Publish(Posted, to=BUS, as_=posted))
    assert rule.public_event(ParcelPosted("x")).data == b'{"text":"x"}'
    with pytest.raises(UnknownType):
        rule.public_event(ParcelScanned(1))


def test_the_classs_name_is_its_type_or_another_that_is_given() -> None:
    rule = Rule(Publish(Scanned, to=BUS, as_=bare, names={Plain: "post.scanned.v1"}))
    assert rule.public_event(Plain(1)).type == "post.scanned.v1"
    assert Rule(Publish(Scanned, to=BUS, as_=bare)).public_event(Plain(1)).type == "Plain"


def test_a_rule_shows_what_goes_where() -> None:
    assert repr(Publish(Posted | Scanned, to=f"{BUS}?region=x", as_=public)) == (
        "Publish(Posted, Scanned, to='eventbridge:orders')"
    )
