"""What can't work is refused when it is declared: the message says what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Process, Recorded, Schedule, Send, View
from leftfold.core.errors import BadKey
from leftfold.core.runs import Reacted, Run
from leftfold.processes import Due, Refused
from leftfold.testing.sample_shop import Charged, Packed, Placed, fulfilment, orders, payments, shelf, shop

Made = dict[str, Any]


class Memory(Struct, frozen=True):
    seen: int = 0


def key(event: Recorded[Placed | Charged]) -> str:
    return event.key


def fold(memory: Memory, event: Placed | Charged) -> Memory:
    return Memory(memory.seen + 1)


def idle(memory: Memory, event: Placed | Charged) -> list[Send]:
    return []


def process(**changed: Any) -> Process[Any, Any]:
    given: Made = {"initial": Memory(), "correlate": key, "evolve": fold, "react": idle, **changed}
    return Process(given.pop("name", "watch"), **given)


def app(*processes: Process[Any, Any], **more: Any) -> App:
    return App("shop", deciders=[orders, payments], processes=processes, **more)


def narrow(memory: Memory, event: Placed) -> Memory:
    return memory


def wide(memory: Memory, event: Placed | Charged | Packed) -> Memory:
    return memory


def packs(memory: Memory, event: Packed) -> Memory:
    return memory


def mixed(memory: Memory, event: Recorded[Placed] | Charged) -> Memory:
    return memory


def bare(memory: Memory, event) -> Memory:  # type: ignore[no-untyped-def]
    return memory


def all_of_it(event: Recorded[object]) -> str:
    return ""


def its_own(event: Recorded[Reacted]) -> str:
    return ""


def woken(event: Placed | Charged | Due) -> str:
    return ""


def foreign(event: Recorded[Packed]) -> str:
    return ""


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "evolve forgets": (lambda: app(process(evolve=narrow)), "takes Charged, and .*narrow does not"),
    "react forgets": (lambda: app(process(react=narrow)), "takes Charged, and .*narrow does not"),
    "evolve waits in vain": (lambda: app(process(evolve=wide)), "wide takes Packed, which .*key does not"),
    "two forms": (lambda: app(process(evolve=mixed)), "both Recorded.* and bare events"),
    "no annotation": (lambda: app(process(evolve=bare)), "annotate its parameter 2"),
    "every event": (lambda: app(process(correlate=all_of_it)), "name the event classes"),
    "its own steps": (lambda: app(process(correlate=its_own)), "name the event classes"),
    "a timer correlated": (lambda: app(process(correlate=woken)), "takes events only"),
    "a foreign event": (
        lambda: app(process(correlate=foreign, evolve=packs, react=packs)),
        "takes Packed, which no decider",
    ),
    "one name twice": (lambda: app(process(), process()), "process version 'watch@1' is declared twice"),
    "a decider's name": (lambda: app(process(name="order")), "category 'order' is declared twice"),
    "no version": (lambda: process(version=0), "version must be 1 or more"),
    "no patience": (lambda: process(stuck_after=timedelta()), "stuck_after must be a positive time"),
    "two times": (lambda: Schedule("t", after=timedelta(1), at=datetime.now(UTC)), "after= or at=, not both"),
    "a time before": (lambda: Schedule("t", after=-timedelta(1)), "after= can't be negative"),
    "no zone": (
        lambda: Schedule("t", at=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)),
        "must have a time zone",
    ),
    "the view of runs": (
        lambda: app(process(), views=[View("runs", initial=0, evolve=count_)]),
        "view 'runs' is made of the app's processes",
    ),
}


def count_(row: int, event: Placed) -> int:
    return row + 1


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused(what: str) -> None:
    make, why = REFUSED[what]
    with pytest.raises(ConfigError, match=why):
        make()


@pytest.mark.parametrize("name", ["", "1st", "a/b", "x" * 65], ids=["empty", "digit", "slash", "long"])
def test_a_name_is_a_category(name: str) -> None:
    with pytest.raises(BadKey):
        process(name=name)


def test_a_timer_needs_a_name_that_every_store_can_hold() -> None:
    with pytest.raises(BadKey):
        Schedule("")
    with pytest.raises(BadKey):
        Schedule("x" * 129)


def test_an_app_without_processes_has_no_view_of_runs() -> None:
    plain = App("shop", deciders=[orders], views=[View("runs", initial=0, evolve=count_)])
    assert plain.runs is None
    assert shop.runs is not None
    assert shop.runs in shop.views
    assert shop.runs.initial == Run()


def test_functions_may_take_timers_and_refusals_or_not() -> None:
    def woken(memory: Memory, event: Placed | Charged | Due | Refused) -> Memory:
        return memory

    for changed in ({"evolve": woken}, {"react": woken}, {"evolve": woken, "react": woken}):
        assert app(process(**changed)).processes[0].name == "watch"


def test_versions_of_one_name_stand_side_by_side() -> None:
    both = App("shop", deciders=[orders, payments, shelf], processes=[process(), process(version=2), fulfilment])
    assert [one.version for one in both.processes] == [1, 2, 1]
