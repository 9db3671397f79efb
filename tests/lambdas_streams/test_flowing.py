"""P2 on Lambda: whatever deliveries are like, views are the fold of the history, and reactions send once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from leftfold import LeftfoldError
from leftfold.lambdas import following, legs
from leftfold.lambdas.legs import Leg
from leftfold.processes import react
from leftfold.subscriptions import follow
from tests.lambdas_streams.flowing import Flow, OpenStore, on_memory, waits
from tests.simulate import bugs

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 60


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 4)


def run(seed: int, monkeypatch: pytest.MonkeyPatch, store: OpenStore = on_memory) -> Flow:
    flow = Flow(seed, store)
    with monkeypatch.context() as patched:
        patched.setattr(legs, "wait", lambda pause_s: waits(flow.chaos, pause_s))
        flow.run()
    return flow


SOAK = [pytest.param(start, 10_000, marks=pytest.mark.soak) for start in range(10_000, 110_000, 10_000)]


@pytest.mark.parametrize(("start", "seeds"), [(0, 250), (250, 250), *SOAK])
def test_nothing_is_skipped_and_nothing_is_doubled(
    start: int, seeds: int, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    told: Counter[str] = Counter()
    for seed in range(start, start + seeds):
        told += run(seed, monkeypatch).counts
    troubles = told.total() - told["calls"] - told["acknowledged"] - told["reported"]
    record_property(
        "figure",
        f"P2 on Lambda: seeds {start} to {start + seeds - 1} held, through {troubles} troubles:"
        f" {told['acknowledged']} records acknowledged, {told['reported']} reported",
    )
    assert troubles > seeds


def acknowledges_everything(legs_: Any, wake: Any) -> bool:
    return True


def asks_one_subscriber(legs_: Any, wake: Any) -> bool:
    return covered(legs_[:1], wake)


def is_done_when_it_has_looked(leg: Any) -> bool:
    return bool(leg._looked)


def starts_from_the_delivery(leg: Leg) -> bool:
    """What the delivery names is folded, and the checkpoint follows."""
    leg._looked = True
    backend, follower = leg.session.backend, leg.leader
    progress = backend.checkpoints.load(follower.subscriber)
    follower.position = progress.position
    page = backend.log.page(after=max(progress.position, leg.upto - 2), limit=4)
    lease = follower._led()
    if not page or lease is None:
        return False
    try:
        follower.position = follower.work.take(page, progress, lease.token)
    except LeftfoldError:
        follower._lease = None
        return False
    return True


covered, numbers = following._covered, count()
BUGS: dict[str, tuple[Any, str, Any]] = {
    "everything is acknowledged": (following, "_covered", acknowledges_everything),
    "one subscriber speaks for all": (following, "_covered", asks_one_subscriber),
    "what another leads is taken for done": (Leg, "covers", property(is_done_when_it_has_looked)),
    "the delivery says where to begin": (Leg, "step", starts_from_the_delivery),
    "another command id at each try": (react, "sent_id", lambda *of: f"{of[0]}:{of[1]}:{next(numbers)}"),
}
STORES = [
    bugs.RowsBeforeTheCheckpoint,
    bugs.MovesTooFar,
    bugs.ForgetsCommandIds,
]


def seeds_to_catch(monkeypatch: pytest.MonkeyPatch, store: OpenStore = on_memory) -> int | None:
    for seed in range(SEEDS_TO_CATCH):
        try:
            run(seed, monkeypatch, store)
        except AssertionError:
            return seed + 1
    return None


def with_bug(bug: type[bugs.Part]) -> OpenStore:
    return lambda chaos: bugs.store_with(bug)(chaos.clock, chaos.pause)


def test_every_planted_bug_is_caught(monkeypatch: pytest.MonkeyPatch, record_property: Figure) -> None:
    found = {bug.__name__: seeds_to_catch(monkeypatch, with_bug(bug)) for bug in STORES}
    for name, (owner, attribute, bug) in BUGS.items():
        with monkeypatch.context() as patched:
            patched.setattr(owner, attribute, bug)
            found[name] = seeds_to_catch(monkeypatch)
    caught = [seeds for seeds in found.values() if seeds]
    record_property(
        "figure", f"P2 on Lambda: {len(caught)} of {len(found)} planted bugs caught, within {max(caught)} seeds"
    )
    assert len(caught) == len(found), found
