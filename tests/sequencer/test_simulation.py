"""Whatever the stream, the table and the runners do: the log is complete, ordered, dense, and has each commit once."""

from collections import Counter
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import pytest

from leftfold.adapters.dynamodb.sequencing import Sequencer
from leftfold.core.errors import IntegrityError
from tests.sequencer import bugs
from tests.sequencer.running import Report, Runner, Wrong, fair_weather, simulate, stalling

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 400  # what a planted bug may need at the most
TROUBLES = {  # each must have happened, or the run shows nothing
    *("hops", "reshards", "redeliveries", "hints", "throttled", "fenced", "trims", "outages"),
    *("crashes between", "crashes before a page", "crashes after a page"),
}
SOAK = [pytest.param(start, 10_000, marks=pytest.mark.soak) for start in range(10_000, 110_000, 10_000)]


@pytest.mark.parametrize(("start", "seeds"), [(0, 1500), (1500, 1500), *SOAK])
def test_the_log_is_complete_and_ordered_without_duplicates(start: int, seeds: int, record_property: Figure) -> None:
    commits = lookups = late = 0
    troubles: Counter[str] = Counter()
    for seed in range(start, start + seeds):
        report = simulate(seed)
        commits, lookups, late = commits + report.commits, lookups + report.lookups, late + report.late
        troubles += report.troubles
    record_property(
        "figure",
        f"D3 sequencer: seeds {start} to {start + seeds - 1} held: {commits} commits, each in the log once and in order,"
        f" {lookups / commits:.2f} look-ups each, through {troubles.total()} troubles",
    )
    assert late == 0, "the writers kept to the bound, and the sequencer says that they did not"
    assert troubles.keys() >= TROUBLES


def test_in_fair_weather_only_commits_of_several_streams_are_looked_up(record_property: Figure) -> None:
    share = {}
    for several in (0.0, 0.05, 0.2):
        reports = [fair_weather(seed, several) for seed in range(30)]
        share[several] = sum(one.lookups for one in reports) / sum(one.commits for one in reports)
    told = ", ".join(f"{value:.1%} where {several:.0%} write several streams" for several, value in share.items())
    record_property("figure", f"D3 look-ups in fair weather, of commits: {told}")
    assert share[0.0] == 0
    assert all(value < several for several, value in share.items() if several)


def test_a_write_that_comes_too_late_is_still_placed(record_property: Figure) -> None:
    late = sum(stalling(seed).late for seed in range(300))
    caught = {bug.__name__: seeds_to_catch(stalling, make=bug) for bug in bugs.LATE}
    record_property("figure", f"D3 late writes: 300 runs held, with {late} late records; teeth {caught}")
    assert late > 0
    assert all(caught.values()), caught


def fails(seed: int, run: Callable[..., Report], broken: dict[str, Any]) -> bool:
    try:
        run(seed, **broken)
    except (Wrong, IntegrityError):
        return True
    return False


def seeds_to_catch(run: Callable[..., Report] = simulate, **broken: Any) -> int | None:
    """How many seeds it takes until the log is wrong; None if it never is."""
    passed = sum(1 for _ in takewhile(lambda seed: not fails(seed, run, broken), range(SEEDS_TO_CATCH)))
    return passed + 1 if passed < SEEDS_TO_CATCH else None


def test_every_planted_bug_is_caught(record_property: Figure) -> None:
    caught = {bug.__name__: seeds_to_catch(make=bug) for bug in bugs.SEQUENCERS}
    caught |= {bug.__name__: seeds_to_catch(runner=bug) for bug in bugs.RUNNERS}
    found = [seeds for seeds in caught.values() if seeds]
    record_property("figure", f"D3 teeth: {len(found)} of {len(caught)} caught, within {max(found, default=0)} seeds")
    assert len(found) == len(caught), caught


@pytest.mark.parametrize(
    "control",
    [bugs.EmitsWhatItIsShown, bugs.TakesTheNewestForTheWatermark, bugs.TakesRedeliveredRecords],
)
def test_a_simpler_sequencer_loses_or_repeats_commits(control: type[Sequencer], record_property: Figure) -> None:
    right = sum(not fails(seed, simulate, {"make": control}) for seed in range(300))
    record_property("figure", f"D3 control, {control.__name__}: {right} of 300 runs right")
    assert right < 300


def test_a_seed_is_replayed_exactly() -> None:
    assert simulate(7) == simulate(7)
    assert simulate(7, runner=Runner) != simulate(8)
