"""Whatever happens to the workers: views are the fold of the history, commands count once, no query claims too much."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.ports.checkpoints import Move
from leftfold.processes.react import Reactor
from leftfold.projections.reading import ViewReader
from leftfold.subscriptions.lanes import Lanes
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.testing import SimulationFailed, simulate
from leftfold.testing.simulation import OpenStore, on_memory
from tests.simulate import bugs
from tests.simulate.town import commands, town

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 1_000  # what a planted bug may need at the most


def run(seed: int, store: OpenStore = on_memory) -> Any:
    return simulate(town, commands(seed), seed=seed, store=store)


SOAK = [pytest.param(start, 10_000, marks=pytest.mark.soak) for start in range(10_000, 110_000, 10_000)]


@pytest.mark.parametrize(("start", "seeds"), [(0, 250), (250, 250), *SOAK])
def test_nothing_is_skipped_and_nothing_is_doubled(start: int, seeds: int, record_property: Figure) -> None:
    troubles = 0
    for seed in range(start, start + seeds):
        troubles += sum(count for name, count in run(seed).counts.items() if name != "calls")
    record_property("figure", f"P2 simulation: seeds {start} to {start + seeds - 1} held, through {troubles} troubles")
    assert troubles > seeds


@pytest.mark.parametrize("reads", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_receipt_is_never_early_and_a_stale_answer_is_true(reads: int, record_property: Figure) -> None:
    done = stale = 0
    for seed in count(1_000_000):
        report = run(seed)
        done, stale = done + report.reads, stale + report.stale_reads
        if done >= reads:
            break
    record_property("figure", f"P6 receipts: {done} simulated reads, {stale} of them stale, none early and none untrue")
    assert 0 < stale < done


def seeds_to_catch(store: OpenStore) -> int | None:
    """How many seeds it takes until a simulation fails; None if none does."""
    for seed in range(SEEDS_TO_CATCH):
        try:
            run(seed, store)
        except SimulationFailed:
            return seed + 1
    return None


def test_every_planted_bug_of_a_store_is_caught(record_property: Figure) -> None:
    caught = {bug.__name__: seeds_to_catch(bugs.store_with(bug)) for bug in bugs.STORES}
    told("P2 teeth, stores", caught, record_property)


def test_every_planted_bug_of_receipts_is_caught(monkeypatch: pytest.MonkeyPatch, record_property: Figure) -> None:
    caught = {bug.__name__: seeds_to_catch(bugs.store_with(bug)) for bug in bugs.READS}
    look = ViewReader._look

    def row_first(self: Any, key: str, place: int, build: str, fold: Any) -> Any:
        earlier = look(self, key, 0, build, fold)
        return replace(earlier, stale=look(self, key, place, build, fold).stale)

    def always_stale(self: Any, key: str, place: int, build: str, fold: Any) -> Any:
        return replace(look(self, key, place, build, fold), stale=True)

    for bug in (row_first, always_stale):
        with monkeypatch.context() as patched:
            patched.setattr(ViewReader, "_look", bug)
            caught[bug.__name__] = seeds_to_catch(on_memory)
    told("P6 teeth", caught, record_property)


def told(what: str, caught: dict[str, int | None], record_property: Figure) -> None:
    needed = max((seeds for seeds in caught.values() if seeds), default=0)
    found = sum(seeds is not None for seeds in caught.values())
    record_property("figure", f"{what}: {found} of {len(caught)} caught, within {needed} seeds")
    assert found == len(caught), caught


def test_every_planted_bug_of_reactions_is_caught(monkeypatch: pytest.MonkeyPatch, record_property: Figure) -> None:
    numbers = count()
    take = OneByOne.take

    def random_id(reaction: str, event_id: str, index: int) -> str:
        return f"{reaction}:{event_id}:{next(numbers)}"

    def moves_first(self: Any, page: Any, progress: Any, token: Any) -> int:
        last: int = page[-1].position
        lanes = Lanes(self.subscriber, progress.parked)
        self._checkpoints.move(Move(self.subscriber, progress.revision, last, token, lanes.letters()))
        return take(self, page, self._checkpoints.load(self.subscriber), token)

    def gives_up(self: Any, event: Any, lanes: Any) -> None:
        react(self, event, lanes)

    react = Reactor.react
    caught: dict[str, int | None] = {}
    for name, (target, attribute, bug) in {
        "another id at each try": ("leftfold.processes.react", "sent_id", random_id),
        "the checkpoint before the sends": (OneByOne, "take", moves_first),
        "trouble taken for done": (Reactor, "react", gives_up),
    }.items():
        with monkeypatch.context() as patched:
            if isinstance(target, str):
                patched.setattr(f"{target}.{attribute}", bug)
            else:
                patched.setattr(target, attribute, bug)
            caught[name] = seeds_to_catch(on_memory)
    told("P2 teeth, reactions", caught, record_property)


def test_a_seed_is_replayed_exactly() -> None:
    assert run(7) == run(7)
    found = seeds_to_catch(bugs.store_with(bugs.TheCheckpointBeforeRows))
    assert found is not None
    messages = set[str]()
    for _ in range(2):
        with pytest.raises(SimulationFailed, match=f"seed {found - 1}:") as failed:
            run(found - 1, bugs.store_with(bugs.TheCheckpointBeforeRows))
        messages.add(str(failed.value))
    assert len(messages) == 1
