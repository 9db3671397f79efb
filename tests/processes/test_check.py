"""`leftfold check` and processes: versions that are gone, names that are new, clocks where a step must be repeatable."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct

from leftfold import App, Done, Process, Recorded, Send
from leftfold.adapters.memory import Memory
from leftfold.check import Finding, check
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import Confirmed, Place, Placed, orders

Todo = Send | Done


class Seen(Struct, frozen=True):
    number: int = 0


def key(event: Recorded[Placed | Confirmed]) -> str:
    return event.key


def fold(seen: Seen, event: Placed | Confirmed) -> Seen:
    return Seen(seen.number + 1)


def idle(seen: Seen, event: Placed | Confirmed) -> list[Todo]:
    return [Done()] if isinstance(event, Placed) and event.cents > 10 else []


def watch(name: str = "watch", version: int = 1, **changed: Any) -> Process[Any, Any]:
    given: dict[str, Any] = {"initial": Seen(), "correlate": key, "evolve": fold, "react": idle, **changed}
    return Process(name, version=version, **given)


def shop(*processes: Process[Any, Any]) -> App:
    return App("shop", deciders=[orders], processes=processes)


class Store:
    """One store, checked by apps that came after."""

    def __init__(self, *first: Process[Any, Any]) -> None:
        self.memory = Memory(FrozenClock())
        with shop(*first).open(self.memory.open()) as session:
            for number, cents in enumerate((5, 5, 50)):
                session.category(orders).handle(f"o{number}", Place(cents))
            session.catch_up()

    def found(self, *processes: Process[Any, Any]) -> dict[str, Finding]:
        with shop(*processes).open(self.memory.open()) as session:
            return {one.code: one for one in check(session)}


QUIET = {"unfed", "unfollowed"}  # no order is confirmed here, or cancelled


def test_a_sound_process_has_nothing_to_be_said() -> None:
    assert Store(watch()).found(watch()).keys() <= QUIET


def test_open_runs_of_a_version_that_is_gone_are_an_error() -> None:
    store = Store(watch())
    finding = store.found(watch(version=2))["run-version-gone"]
    assert (finding.level, finding.count, finding.positions) == ("error", 2, [4, 5])
    assert "2 open runs of 'watch' follow version 1" in finding.message
    assert store.found(watch(), watch(version=2)).keys() <= QUIET
    without_any = store.found()
    assert (without_any["run-version-gone"].count, without_any.keys() & {"unknown-type"}) == (2, set())


def test_runs_that_are_over_need_no_code() -> None:
    store = Store(watch(react=ends))
    assert "run-version-gone" not in store.found(watch(version=2))
    assert store.found().keys().isdisjoint({"run-version-gone", "unknown-type"})


def ends(seen: Seen, event: Placed | Confirmed) -> list[Todo]:
    return [Done()]


def test_a_renamed_process_would_take_all_history_again() -> None:
    finding = Store(watch()).found(watch("observe"))["renamed-process"]
    assert (finding.level, finding.count) == ("warning", 3)
    assert "without what 'watch' remembers" in finding.message


def test_a_new_or_removed_process_is_a_note() -> None:
    store = Store()
    assert (store.found(watch())["new-process"].level, store.found(watch())["new-process"].count) == ("note", 3)
    assert Store(watch()).found()["orphan-process"].level == "note"


def by_the_clock(event: Recorded[Placed | Confirmed]) -> str:
    return str(time.time())


def folded_by_the_clock(seen: Seen, event: Placed | Confirmed) -> Seen:
    return Seen(int(time.time()))


def reacts_by_the_clock(seen: Seen, event: Placed | Confirmed) -> list[Todo]:
    return [Done()] if time.time() > 5 else []


def test_a_clock_in_a_process_is_found() -> None:
    store = Store(watch())
    impure: list[dict[str, Any]] = [{"correlate": by_the_clock}, {"evolve": folded_by_the_clock}]
    for changed in impure:
        assert "time.time" in store.found(watch(**changed))["impure-fold"].message
    finding = store.found(watch(react=reacts_by_the_clock))["impure-process"]
    assert (finding.level, "take the value from the event" in finding.message) == ("warning", True)


def test_a_memory_that_can_be_changed_in_place_is_a_warning() -> None:
    def listed(seen: list[str], event: Placed | Confirmed) -> list[str]:
        return seen

    def rests(seen: list[str], event: Placed | Confirmed) -> list[Todo]:
        return []

    finding = Store().found(watch(initial=list[str](), evolve=listed, react=rests))["mutable-state"]
    assert "the initial memory of process 'watch'" in finding.message


def test_a_parked_instance_is_an_error() -> None:
    def fails(seen: Seen, event: Placed | Confirmed) -> Seen:
        raise ValueError("no")

    broken = watch(evolve=fails)
    assert Store(broken).found(broken)["parked"].count == 3
