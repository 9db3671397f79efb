"""A view or a reaction of `object` takes every event; one that could never see an event is refused."""

from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Recorded, View
from leftfold.testing.sample import Open, Opened, account


class Stranger(Struct, frozen=True):
    number: int


def count(row: int, event: Recorded[object]) -> int:
    return row + 1


def count_any(row: int, event: Recorded[Any]) -> int:
    return row + 1


def strange(row: int, event: Stranger) -> int:
    return row


def react_strangely(event: Recorded[Stranger]) -> list[Any]:
    return []


def by_type(event: Recorded[object]) -> str:
    return event.type


@pytest.mark.parametrize("evolve", [count, count_any])
def test_a_view_of_object_sees_every_type(evolve: Any) -> None:
    audit: View[int] = View("audit", initial=0, evolve=evolve, key=by_type)
    with App("app", deciders=[account], views=[audit]).open("memory:") as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        accounts.handle("bob", Open("Bob"))
        session.catch_up()
        assert dict(session.view(audit).scan()) == {Opened.__name__: 2}
        assert [step.type for step in session.explain(audit, "Opened").steps] == ["Opened", "Opened"]


def test_a_view_that_could_never_see_an_event_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes Stranger, which no decider of this app emits"):
        App("app", deciders=[account], views=[View("lost", initial=0, evolve=strange)])


def test_so_is_such_a_reaction() -> None:
    with pytest.raises(ConfigError, match="reaction 'react_strangely' takes Stranger"):
        App("app", deciders=[account], reactions=[react_strangely])


def test_a_view_may_take_what_is_only_appended_in_the_dcb_form() -> None:
    assert App("app", deciders=[account], events=Stranger, views=[View("found", initial=0, evolve=strange)]).views


def opened_only(event: Recorded[Opened]) -> str:
    return event.data.owner


def test_a_key_that_some_of_the_events_do_not_fit_is_refused() -> None:
    every: Any = opened_only
    with pytest.raises(ConfigError, match=r"takes object, and its key .*opened_only does not"):
        App("app", deciders=[account], views=[View("lost", initial=0, evolve=count, key=every)])
