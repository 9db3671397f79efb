"""The schema is read from the annotations: names on disk, collisions, upcasts, subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Union

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Recorded
from leftfold.core.annotations import members, parameter, parameter_names, returned, unwrap
from leftfold.core.schema import Schema
from leftfold.testing.sample import Closed, Deposited, Event, Opened, account, bank


class V1(Struct, frozen=True):
    n: int


class V2(Struct, frozen=True):
    n: int


class V3(Struct, frozen=True):
    n: int


def v2(old: V1) -> V2:
    return V2(old.n)


def v3(old: V2) -> V3:
    return V3(old.n)


def back(old: V3) -> V1:
    return V1(old.n)


def either(old: V1) -> V2 | V3:
    return V2(old.n)


def unsaid(old: V1):  # type: ignore[no-untyped-def]
    return V2(old.n)


def made(*events: type, names: Any = None, upcasts: Any = ()) -> Schema:
    schema = Schema()
    schema.add(events, names=names or {}, upcasts=upcasts)
    return schema


def test_an_event_is_called_as_its_class_or_as_names_says() -> None:
    schema = made(V1, V2, names={V2: "second"})
    assert schema.names == {V1: "V1", V2: "second"}
    assert schema.types == {"V1": V1, "second": V2}


def test_an_apps_schema_is_the_union_of_its_deciders() -> None:
    assert set(bank.schema.types) == {"Opened", "Deposited", "Withdrawn", "TransferSent", "Closed"}
    assert bank.schema.categories == {"account": frozenset(members(Event))}


def test_upcasts_are_chained_in_whatever_order_they_stand() -> None:
    schema = made(V3, upcasts=[v3, v2])
    assert schema.lifts == {V1: (v2, v3), V2: (v3,)}
    assert schema.current == {"V3": V3, "V1": V3, "V2": V3}
    assert schema.stored_names([V3]) == {"V1", "V2", "V3"}
    assert schema.stored_names([V1]) == set()


def same_name() -> type:
    class V1(Struct, frozen=True):
        text: str

    return V1


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (partial(made, V1, same_name()), "two event classes are called 'V1' on disk"),
        (partial(made, V1, V2, names={V1: "x", V2: "x"}), "two event classes are called 'x' on disk"),
        (partial(made, V3, upcasts=[v2, v3, back]), r"in a circle: V3 -> V1 -> V2 -> V3"),
        (partial(made, V2, upcasts=[v2, v2]), "two upcasts take V1"),
        (partial(made, V2, upcasts=[either]), "must return one class, not a union"),
        (partial(made, V2, upcasts=[unsaid]), "annotate what it returns"),
        (partial(made, V2, upcasts=[lambda old: old]), "annotate its parameter 1"),
    ],
)
def test_a_schema_that_could_not_be_read_back_is_refused(build: Callable[[], Schema], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        build()


def test_one_class_can_not_have_two_names_in_two_deciders() -> None:
    schema = made(V1)
    with pytest.raises(ConfigError, match="two names on disk: 'V1' and 'first'"):
        schema.add([V1], names={V1: "first"}, upcasts=())
    schema.add([V1], names={}, upcasts=())  # the same once more is the same


def test_unions_are_flattened_through_aliases_and_annotations() -> None:
    assert members(V1) == (V1,)
    assert members(V1 | V2 | V1) == (V1, V2)
    assert members(Union[V1, Annotated[V2 | V3, "noted"]]) == (V1, V2, V3)  # noqa: UP007 - the old form is read, too
    for odd in (list[V1], "V1", 7):
        with pytest.raises(ConfigError, match="name the event classes"):
            members(odd)


class Callable_:
    def __call__(self, row: int, event: Recorded[V1], key: str) -> int:
        return row


class Holder:
    def method(self, row: int, event: V1 | V2) -> int:
        return row


def plain(row: int, event: Recorded[V1 | V2]) -> int:
    return row


@pytest.mark.parametrize(
    ("function", "names", "event"),
    [
        (plain, ("row", "event"), V1 | V2),
        (Holder().method, ("row", "event"), V1 | V2),
        (Callable_(), ("row", "event", "key"), V1),
    ],
)
def test_functions_methods_and_callables_are_read_alike(function: Any, names: tuple[str, ...], event: Any) -> None:
    assert parameter_names(function) == names
    assert unwrap(parameter(function, 1), Recorded)[0] == event
    assert returned(function) is int


def test_what_can_not_be_read_is_named() -> None:
    def hidden(row: int, event: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821
        return row

    with pytest.raises(ConfigError, match=r"hidden: its annotation names 'Missing'.*not under TYPE_CHECKING"):
        parameter(hidden, 1)
    with pytest.raises(ConfigError, match="must be a Python function"):
        parameter(len, 0)
    with pytest.raises(ConfigError, match="annotate its parameter 3"):
        parameter(plain, 2)


class Taking:
    category = "taking"
    initial = 0

    def decide(self, command: V1, state: int) -> list[V2]:
        return [V2(command.n)]

    def evolve(self, state: int, event: V2) -> int:
        return state


def test_two_apps_may_call_different_classes_alike() -> None:
    assert App("one", deciders=[account]).schema.types["Opened"] is Opened
    assert App("two", deciders=[Taking()], events=Closed | Deposited).schema.types["Closed"] is Closed
