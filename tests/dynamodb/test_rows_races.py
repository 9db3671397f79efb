"""Views on DynamoDB are the fold of the history, whoever is late, dies, or is told nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leftfold.adapters.dynamodb import checkpoints
from leftfold.adapters.dynamodb.rows import DynamoRows
from tests.dynamodb import bugs, races
from tests.dynamodb.bugs import Bug
from tests.dynamodb.interleaved import World, Wrong
from tests.dynamodb.views import Views
from tests.testbed.aws import Aws

Figure = Callable[[str, object], None]
Story = Callable[[Views], None]

STORIES: dict[Story, tuple[Bug, ...]] = {
    races.a_late_write_brings_no_removed_row_back: (bugs.OverwritesRows,),
    races.a_row_goes_on_only_from_what_it_was_folded_onto: (bugs.GoesForwardFromAnyRow, bugs.OverwritesRows),
    races.a_row_that_a_late_event_came_to_is_read_again: (bugs.LateWritesFenceNobody, bugs.GoesForwardFromAnyRow),
    races.a_late_removal_spares_the_entry_of_a_newer_row: (bugs.RemovesEntriesOfNewerRows,),
    races.a_late_entry_does_not_take_a_newer_ones_place: (bugs.AddsEntriesOverNewerOnes,),
    races.a_leader_does_not_pass_a_row_that_a_zombie_wrote: (bugs.SkipsRowsThatAnotherMoved,),
    races.a_late_move_moves_nothing_back: (bugs.MovesFromAnyRevision,),
    races.a_row_written_before_a_death_is_listed: (bugs.AddsEntriesAfterTheRow,),
    races.a_row_not_yet_written_at_a_death_is_listed_as_it_was: (bugs.RemovesEntriesBeforeTheRow,),
    races.what_a_death_leaves_in_an_index_is_never_shown: (bugs.BelievesEntries,),
    races.late_events_come_with_their_move_or_not_at_all: (bugs.WritesLateRowsOneByOne,),
    races.letters_of_a_step_that_died_stay_what_they_are: (bugs.ParksAgainWhatIsParked,),
    races.a_lane_stays_parked_while_a_letter_is_left: (bugs.ForgetsLanesThatLoseALetter,),
}
"""Each story, and the mistakes that it must bring to light."""

SEEDS_TO_CATCH = 20  # what a planted bug may need in the simulation


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters need several transactions already when there are three."""
    monkeypatch.setattr(checkpoints, "LETTERS_A_STEP", 2)


def plant(views: Views, bug: Bug) -> None:
    if issubclass(bug, DynamoRows):
        views.rows = bug
    else:
        views.checkpoints = bug


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_story_ends_well(views: Views, story: Story) -> None:
    story(views)


@pytest.mark.parametrize(
    ("story", "bug"),
    [
        pytest.param(story, bug, id=f"{story.__name__}-{bug.__name__}")
        for story, found in STORIES.items()
        for bug in found
    ],
)
def test_a_story_ends_badly_with_a_planted_bug(views: Views, story: Story, bug: Bug) -> None:
    plant(views, bug)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        story(views)


@pytest.mark.parametrize(("start", "seeds"), [(0, 2), (2, 2), pytest.param(1000, 500, marks=pytest.mark.soak)])
def test_the_rows_are_the_fold_of_the_history_whatever_happens(
    views: Views, aws: Aws, start: int, seeds: int, record_property: Figure
) -> None:
    client, troubles = aws.client(), 0
    for seed in range(start, start + seeds):
        world = World(views, client, seed)
        world.run()
        troubles += world.troubles
    record_property("figure", f"dynamodb views: seeds {start} to {start + seeds - 1} held, through {troubles} troubles")
    assert troubles > seeds


def test_the_simulation_finds_a_planted_bug(views: Views, aws: Aws) -> None:
    plant(views, bugs.BelievesEntries)
    client = aws.client()

    def run(seed: int) -> bool:
        try:
            World(views, client, seed).run()
        except Wrong:
            return False
        return True

    assert not all(run(seed) for seed in range(5, 5 + SEEDS_TO_CATCH))
