"""The same on the stand-ins: DynamoDB, its streams, EventBridge and Kinesis, where requests fail, lose replies, and kill.

The sequencer, the projectors, the reactor and the publisher die between any two requests, and at any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from msgspec.structs import replace

from tests.flow.bugs import Bug, around, failed_entries_ignored, published_first, takes_the_last_only
from tests.flow.people import commands_by
from tests.flow.plant import planted
from tests.flow.rain import Rain, handlers, weather
from tests.testbed.aws import Place

BLOCKS = [*range(2), *(pytest.param(block, marks=pytest.mark.soak) for block in range(2, 60))]
BLOCK = 3  # seeds a test
SEEDS_PER_BUG = 8  # at the most: most show in the first
BUGS = {
    "the sequencer places one commit a batch": replace(
        around("sequence", takes_the_last_only, handlers()),
        patch=lambda: mock.patch("leftfold.lambdas.sequencer._Desk.pull"),  # which would find the others
    ),
    "failed entries are ignored": Bug(patch=failed_entries_ignored),
    "the publisher's checkpoint moves before its effect": Bug(patch=published_first),
}


def poured(place: Place, seed: int, folder: Path, bug: Bug | None = None) -> Counter[str]:
    bug = bug or Bug()
    with place.visit() as aws, planted(aws, weather(seed)) as plant:
        asked = commands_by(Random(seed), 10)
        rain = Rain(aws, plant, seed, folder, bug.makes)
        with bug.patch():
            answers = rain.storm(asked)
            rain.calm()
        rain.judge(asked, answers)
        return rain.counts


@pytest.mark.parametrize("block", BLOCKS)
def test_each_end_has_every_event_once(
    block: int, aws_place: Place, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sums: Counter[str] = Counter()
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    for seed in seeds:
        sums += poured(aws_place, seed, tmp_path)
    kills = sums["killed before"] + sums["killed after"]
    refused = sum(count for name, count in sums.items() if "failed: " in name)
    lost = sum(count for name, count in sums.items() if name.startswith("lost"))
    assert kills > BLOCK
    assert lost > BLOCK
    assert refused > BLOCK
    told = (
        f"{sums['events']} events, {sums['calls']} calls, {kills} kills, {lost} replies lost, {refused} entries refused"
    )
    record_property("figure", f"flow on the stand-ins under faults: seeds {seeds.start}-{seeds.stop - 1}: {told}")


def found(place: Place, bug: Bug, folder: Path) -> bool:
    for seed in range(SEEDS_PER_BUG):
        try:
            poured(place, seed, folder, bug)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, aws_place: Place, tmp_path: Path) -> None:
    assert found(aws_place, BUGS[name], tmp_path)
