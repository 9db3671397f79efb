"""S3 in bad weather: lost replies, refusals, conflicts, time-outs. Archivers that are simply called again make one chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from leftfold.adapters import s3
from leftfold.adapters.memory import Memory
from leftfold.adapters.s3 import Bucket
from leftfold.archive import Archive, Archiver
from leftfold.core.errors import StoreUnavailable
from leftfold.testing.sample import bank
from tests.archive.places import filled, write
from tests.testbed.aws import Aws
from tests.testbed.faults import CONNECTION_RESET, INTERNAL, LOST_CLOSED, LOST_INTERNAL, LOST_TIMEOUT, Faults
from tests.testbed.weather import Fault, reply

SLOW_DOWN = Fault(
    "slow down",
    lambda call, request, send: reply(
        request, 503, b"<Error><Code>SlowDown</Code><Message>no</Message></Error>", "application/xml"
    ),
)
CONFLICT = Fault(
    "conflict",
    lambda call, request, send: reply(
        request, 409, b"<Error><Code>ConditionalRequestConflict</Code><Message>no</Message></Error>", "application/xml"
    ),
    frozenset({"PutObject"}),
)
MOST_RUNS = 200  # of one archiver, until all is sealed


@pytest.mark.parametrize("seeds", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_archivers_in_bad_weather_make_one_chain(
    aws: Aws, seeds: int, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(s3, "PAUSE_S", 0.001)
    name = f"{aws.prefix}archive"
    aws.client("s3").create_bucket(Bucket=name)
    befallen: Counter[str] = Counter()
    for seed in range(seeds):
        faults = Faults(seed=seed)
        faults.rate(0.15, LOST_CLOSED, LOST_TIMEOUT, LOST_INTERNAL).rate(
            0.15, INTERNAL, SLOW_DOWN, CONFLICT, CONNECTION_RESET
        )
        client = aws.client("s3", faults)
        backend = filled(Memory().open(), 60).backend
        archivers = [Archiver(backend, Bucket(client, name, f"{seed}"), segment_events=10) for _ in range(2)]
        for archiver in archivers:
            write(bank.open(backend), 5)
            sealed_in_the_end(archiver)
        calm = Archive(Bucket(aws.client("s3"), name, f"{seed}"))
        assert (seed, list(calm.events())) == (seed, backend.log.page(limit=10**6))
        assert calm.verify().events == backend.log.end()
        befallen += faults.injected
    assert len(befallen) == 7
    record_property(
        "figure",
        f"A1: archivers on S3, {seeds} seeds, {befallen.total():,} faults of 7 kinds: one chain of the log's bytes",
    )


def sealed_in_the_end(archiver: Archiver) -> None:
    for _ in range(MOST_RUNS):
        try:
            if not archiver.seal(force=True).left:
                return
        except StoreUnavailable:
            continue
    pytest.fail(f"not sealed after {MOST_RUNS} runs")
