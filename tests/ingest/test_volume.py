"""Half a million readings from a thousand devices through the Lambda handler: nothing lost, few commits, bounded memory."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from fleet import A_BATCH, A_RECORD, BROKEN, SHARDS, Fleet
from readings import Measured, Sample, measured
from sensors import Hour, hour_row, hourly, sensors

from leftfold import Session
from leftfold.core.commits import Framed
from leftfold.lambdas import ingest
from tests.ingest.units import billed

READINGS: Final = 500_000
DEVICES: Final = 1_000
WARM: Final = 60  # of 100 batches, after which memory should grow no more: the marks are full by then
GROWTH_BYTES: Final = 16 * 1024 * 1024  # at the most from then on, while some 80 MB of records come in
PAGE_BYTES: Final = resource.getpagesize()
BILLED: Final = 20  # every so manieth device's commits are weighed as DynamoDB would

decode = msgspec.json.Decoder(Sample).decode


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


class Told:
    """What the handler counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, line: str) -> None:
        told: dict[str, Any] = json.loads(line)
        if "_aws" in told:
            self.counts.update({name: value for name, value in told.items() if isinstance(value, int)})


class Digests:
    """What each device measured, in order: equal for two that saw the same."""

    def __init__(self) -> None:
        self.readings = 0
        self._digests: dict[str, Any] = {}

    def add(self, device: str, reading: Measured) -> None:
        self.readings += 1
        self._digests.setdefault(device, sha256()).update(f"{reading.at} {reading.temperature}\n".encode())

    def all(self) -> dict[str, str]:
        return {device: digest.hexdigest() for device, digest in self._digests.items()}


class Watched(Fleet, frozen=True):
    """A fleet of which somebody notes what it sends."""

    sent: Digests = msgspec.field(default_factory=Digests)

    def samples(self) -> Iterator[tuple[str, bytes]]:
        for device, data in super().samples():
            with suppress(msgspec.MsgspecError):  # a broken one is no reading
                self.sent.add(device, measured(decode(data)))
            yield device, data


def stored(session: Session) -> tuple[Digests, Counter[int], Counter[str]]:
    """What is in the log; the sizes of its commits, and the units that some of them would take, together and apart."""
    digests, sizes, weighed = Digests(), Counter[int](), Counter[str]()
    commit: list[tuple[str, str, int, Framed]] = []

    def weigh() -> None:
        sizes[len(commit)] += 1
        if commit and int(commit[0][1].rpartition("/d")[2]) % BILLED == 0:
            _, stream, first, _ = commit[0]
            events = [framed for *_, framed in commit]
            weighed["readings"] += len(events)
            weighed["together"] += billed(stream, first, events)
            weighed["apart"] += sum(billed(stream, version, [framed]) for _, _, version, framed in commit)

    after = 0
    while page := session.backend.log.page(after=after):
        for one in page:
            event = session.codec.decode(one)
            digests.add(event.key, event.data)
            if commit and commit[0][0] != event.meta.command_id:
                weigh()
                commit.clear()
            stream, version = event.slots[0]
            commit.append((event.meta.command_id, stream, version, Framed(one.type, event.slots, one.body)))
        after = page[-1].position
    weigh()
    return digests, sizes, weighed


class Run(msgspec.Struct):
    """What a process saw that took everything in: what was sent and counted, its memory after each batch, its time."""

    sent: dict[str, str]
    readings: int
    counts: dict[str, int]
    resident: list[int]
    spent_s: float


def take_all(url: str, aside: str) -> bytes:
    """Take everything in. For a process of its own, whose memory holds nothing else."""
    fleet, told = Watched(devices=DEVICES, readings=READINGS), Told()
    handler = ingest(sensors, store=url, aside=aside, write=told)
    resident: list[int] = []
    spent_s = 0.0
    for batch in fleet.batches():
        begun = time.process_time()
        assert handler(batch, None) == {"batchItemFailures": []}
        spent_s += time.process_time() - begun
        resident.append(resident_bytes())
    return msgspec.json.encode(Run(fleet.sent.all(), fleet.sent.readings, dict(told.counts), resident, spent_s))


def test_half_a_million_readings_are_in_once_in_few_commits_and_bounded_memory(
    tmp_path: Path, record_property: Any
) -> None:
    url, aside = f"sqlite:{tmp_path / 'sensors.db'}", tmp_path / "aside"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        run = msgspec.json.decode(alone.submit(take_all, url, f"file:{aside}").result(), type=Run)
    counts, resident, broken = run.counts, run.resident, READINGS - run.readings
    with sensors.open(url) as session:
        found, sizes, weighed = stored(session)
    assert found.all() == run.sent  # every reading, once, in its device's order
    assert found.readings == run.readings
    assert len(list(aside.rglob("*.json"))) == broken == counts["records_set_aside"] > READINGS / BROKEN / 2
    assert counts["readings"] == counts["events_appended"] == run.readings
    assert counts["commits"] == sum(sizes.values()) == READINGS // (A_BATCH * A_RECORD) * (DEVICES // SHARDS)
    assert max(resident[WARM:]) - max(resident[:WARM]) < GROWTH_BYTES, resident
    apart, together = (1000 * weighed[how] / weighed["readings"] for how in ("apart", "together"))
    record_property(
        "figure",
        f"ingest: {READINGS:,} readings, {DEVICES:,} devices, {READINGS / counts['commits']:.0f} a commit, "
        f"{broken} set aside; {run.spent_s / READINGS * 1e6:.0f} us CPU a reading; memory grows "
        f"{(max(resident) - resident[0]) / 2**20:.0f} MB, then not",
    )
    record_property(
        "figure",
        f"ingest on DynamoDB: {together:.0f} write units per 1,000 readings by stream and batch, {apart:.0f} one by one",
    )
    assert together * 5 < apart


@pytest.mark.soak
def test_the_hourly_view_of_half_a_million_readings_is_what_was_measured(tmp_path: Path, record_property: Any) -> None:
    fleet, url = Fleet(devices=DEVICES, readings=READINGS), f"sqlite:{tmp_path / 'sensors.db'}"
    handler = ingest(sensors, store=url, aside=f"file:{tmp_path / 'aside'}", write=lambda line: None)
    for batch in fleet.batches():
        handler(batch, None)
    wanted: dict[str, Hour] = {}
    for device, data in fleet.samples():
        with suppress(msgspec.MsgspecError):
            event = measured(decode(data))
            key = f"{device} {event.at:%Y-%m-%dT%H}"
            wanted[key] = hour_row(wanted.get(key, Hour()), event)
    with sensors.open(url) as session:
        begun = time.process_time()
        session.catch_up()
        spent_s = time.process_time() - begun
        assert dict(session.view(hourly).scan()) == wanted
    record_property(
        "figure", f"{READINGS:,} readings: two views and a reaction take {spent_s / READINGS * 1e6:.0f} us CPU each"
    )
