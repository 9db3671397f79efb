"""Commands from a queue in any weather: each good one has its effect once, each bad one is kept once, none is lost."""

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from leftfold.core.errors import LeftfoldError
from leftfold.lambdas import commands
from leftfold.lambdas.batches import Delivery
from leftfold.lambdas.deadline import Deadline
from leftfold.lambdas.shapes import Malformed
from leftfold.requests import commands as by_name, problems
from tests.lambdas.queue_world import World, judge

handlers = sys.modules[commands.__module__]  # by its name in the package it is the factory


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("seeds", [150, pytest.param(5000, marks=pytest.mark.soak)])
def test_no_command_is_lost_repeated_or_in_the_way(
    fifo: bool, seeds: int, record_property: Callable[[str, object], None]
) -> None:
    troubles = stopped = 0
    for seed in range(seeds):
        world = World(seed, fifo=fifo)
        world.run()
        assert judge(world) == [], seed
        troubles += world.troubles
        stopped += world.stopped
    assert stopped > seeds / 10  # else time is no part of the weather
    kind = "fifo" if fifo else "standard"
    record_property(
        "figure",
        f"commands from a {kind} queue: {seeds} worlds, {troubles} troubles, {stopped} stops, each effect once",
    )


Patch = pytest.MonkeyPatch
real_fail, real_asked = Delivery.fail, handlers._asked


def the_messages_id_is_forgotten(patch: Patch) -> None:
    def asked(*given: Any) -> Any:
        return msgspec.structs.replace(real_asked(*given), command_id=None)

    patch.setattr(handlers, "_asked", asked)


def failures_are_not_reported(patch: Patch) -> None:
    patch.setattr(Delivery, "answer", lambda self: {"batchItemFailures": []})


def the_first_failure_ends_the_batch(patch: Patch) -> None:
    def each(self: Any, take: Any) -> None:
        for entry in self.entries:
            self._take(entry, take)
            if self._failed:
                return

    patch.setattr(Delivery, "each", each)


def a_bad_record_is_let_go_when_it_cant_be_kept(patch: Patch) -> None:
    def set_aside(self: Any, raw: Any, why: Malformed, *, wakes: bool = False) -> None:
        try:
            self._call.aside.put(raw, why.detail, source="sqs", record_id=raw["messageId"], at=self._trigger.at(raw))
        except LeftfoldError:
            return

    patch.setattr(Delivery, "set_aside", set_aside)


def a_bad_record_is_kept_under_a_new_name_each_time(patch: Patch) -> None:
    def set_aside(self: Any, raw: Any, why: Malformed, *, wakes: bool = False) -> None:
        self._call.aside.put(raw, why.detail, source="sqs", record_id=f"{raw['messageId']}-{id(self)}", at=None)

    patch.setattr(Delivery, "set_aside", set_aside)


def a_bad_record_poisons_its_batch(patch: Patch) -> None:
    def set_aside(self: Any, raw: Any, why: Malformed, *, wakes: bool = False) -> None:
        raise LeftfoldError("bad record")

    patch.setattr(Delivery, "set_aside", set_aside)


def a_refusal_comes_again(patch: Patch) -> None:
    real = problems.judge

    def judged(error: Exception, refusals: tuple[type[Exception], ...] = ()) -> Any:
        return real(error, ())

    patch.setattr(by_name, "judge", judged)


def an_unavailable_store_is_final(patch: Patch) -> None:
    real = problems.judge

    def judged(error: Exception, refusals: tuple[type[Exception], ...] = ()) -> Any:
        found = real(error, refusals)
        return msgspec.structs.replace(found, kind="refused") if found.kind == "unavailable" else found

    patch.setattr(by_name, "judge", judged)


def time_is_never_up(patch: Patch) -> None:
    patch.setattr(Deadline, "passed", property(lambda self: False))


def what_was_not_reached_is_taken_for_done(patch: Patch) -> None:
    patch.setattr(Delivery, "stop", lambda self, rest: None)


def a_group_goes_on_behind_its_failure(patch: Patch) -> None:
    patch.setattr(Delivery, "fail", lambda self, record_id, raw=None: real_fail(self, record_id))


BUGS = [
    the_messages_id_is_forgotten,
    failures_are_not_reported,
    the_first_failure_ends_the_batch,
    a_bad_record_is_let_go_when_it_cant_be_kept,
    a_bad_record_is_kept_under_a_new_name_each_time,
    a_bad_record_poisons_its_batch,
    a_refusal_comes_again,
    an_unavailable_store_is_final,
    time_is_never_up,
    what_was_not_reached_is_taken_for_done,
    a_group_goes_on_behind_its_failure,
]


def test_planted_bugs_are_caught(record_property: Callable[[str, object], None]) -> None:
    most = 0
    for bug in BUGS:
        with pytest.MonkeyPatch.context() as patch:
            bug(patch)
            caught = None
            for seed in range(150):
                world = World(seed, fifo=True if bug is a_group_goes_on_behind_its_failure else seed % 2 == 1)
                world.run()
                if judge(world):
                    caught = seed
                    break
        assert caught is not None, bug.__name__
        most = max(most, caught + 1)
    record_property("figure", f"commands from a queue, teeth: {len(BUGS)} of {len(BUGS)} caught, within {most} worlds")
