"""The same on the stand-ins: DynamoDB, its streams, EventBridge and Kinesis, where requests fail, lose replies, and kill.

The sequencer, the projectors, the reactor and the publisher die between any two requests, and at any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.flow.plant import planted
from tests.flow.rain import Rain, weather
from tests.flow.storm import commands_by
from tests.testbed.aws import Place

BLOCKS = [*range(2), *(pytest.param(block, marks=pytest.mark.soak) for block in range(2, 60))]
BLOCK = 4  # seeds a test


@pytest.mark.parametrize("block", BLOCKS)
def test_each_end_has_every_event_once(
    block: int, aws_place: Place, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sums: Counter[str] = Counter()
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    for seed in seeds:
        with aws_place.visit() as aws, planted(aws, weather(seed)) as plant:
            asked = commands_by(Random(seed), 10)
            rain = Rain(aws, plant, seed, tmp_path)
            answers = rain.storm(asked)
            rain.calm()
            rain.judge(asked, answers)
            sums += rain.counts
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
