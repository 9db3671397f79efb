"""Several sequencers at once, killed or cut off in the middle: the log is complete, dense, and each stream in order."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from leftfold.adapters.dynamodb import placing, shards
from leftfold.adapters.dynamodb.calls import Gone
from leftfold.core.errors import LeftfoldError
from tests.dynamodb_reliability.opening import Opener
from tests.dynamodb_reliability.ticking import Broken, Pair, Tick, app, counting, judge, pairing, tick
from tests.testbed.aws import Aws
from tests.testbed.faults import ACCESS_DENIED, LOST, Faults

Figure = Callable[[str, object], None]

WRITERS = 3
SEQUENCERS = 3


def run(opener: Opener, appends: int, seed: int) -> int:
    """Writers append while sequencers, each in a session of its own, place what they see."""
    faults = Faults(seed).rate(0.1, *LOST, on=("PutItem",))
    opener(app).close()
    writers = [opener(app) for _ in range(WRITERS)]
    sequencers = [opener.backend(faults) for _ in range(SEQUENCERS)]
    left = [appends // WRITERS] * WRITERS

    def write(number: int) -> list[str]:
        names: list[str] = []
        for at in range(left[number]):
            names.append(tick(writers[number], f"own{number}", at))
        left[number] = 0
        return names

    def place(number: int) -> int:
        placed = 0
        while any(left):
            placed += sequencers[number].log.place()
        return placed

    with ThreadPoolExecutor(WRITERS + SEQUENCERS) as pool:
        placings = [pool.submit(place, number) for number in range(SEQUENCERS)]
        names = [name for part in pool.map(write, range(WRITERS)) for name in part]
        assert sum(one.result() for one in placings) > 0
    return judge(opener(app), names)


def test_sequencers_that_race_write_one_log(opener: Opener, record_property: Figure) -> None:
    events = run(opener, 150, seed=1)
    record_property("figure", f"DynamoDB: {SEQUENCERS} sequencers at once: {events} events, each once, in order")


def put_anyway(run_: Any) -> int:
    """The planted bug: a page is written over whoever was first."""
    placed, calls = 0, run_._reader.calls
    while pending := run_._sequencer.pending:
        entries = list(pending[: placing.cut(pending)])
        first = run_._end + 1
        item = placing.page_item("", first, entries, run_._sequencer.paged(first, len(entries)), run_._time + 1)
        calls.call("put_item", TableName=run_._reader.tables.log, Item=item)
        page = placing.read_page(item)
        run_._shelf.keep(page)
        run_._end, run_._time = page.last, page.time
        placed += page.last - page.first + 1
    return placed


def in_turns(opener: Opener) -> int:
    """Two sequencers that know of each other only by their pages. What was read once may not change."""
    writer, one, other = opener(app), opener.backend(), opener.backend()
    one.log.place()
    other.log.place()
    names: list[str] = []
    seen: list[Any] = []
    for number, sequencer in enumerate((one, other, one, one, other, other, one)):
        names.append(tick(writer, "own0", number))
        sequencer.log.place()
        now = opener.backend().log.page()
        if now[: len(seen)] != seen or len(now) != number + 1:
            raise Broken(f"after {number + 1} commits the log is another one")
        seen = now
    return judge(opener(app), names)


def test_sequencers_that_take_turns_write_one_log(opener: Opener) -> None:
    assert in_turns(opener) == 7


def test_without_the_pages_fence_the_log_breaks(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing._Run, "_write", put_anyway)
    with pytest.raises((Broken, LeftfoldError)):
        in_turns(opener)


def test_a_page_whose_reply_was_lost_is_recognised(opener: Opener) -> None:
    """Without that, the sequencer would start over from its own page; with it, nothing is read again."""
    faults = Faults().script("PutItem", None, *LOST[:1])
    session = opener(app, faults)
    session.category(counting).handle("ann", Tick("1"))
    assert session.backend.log.place() == 1
    assert sum(faults.injected.values()) == 1
    assert session.backend.log.end() == 1


# killed


def child(prefix: str, endpoint: str, seed: int, place_only: bool) -> None:
    """Appends, and places now and then, until it is killed."""
    from leftfold.adapters.dynamodb import open_dynamodb

    dice = random.Random(seed)
    with app.open(open_dynamodb("test", prefix=prefix, endpoint=endpoint, region="us-east-1")) as session:
        number = 0
        while True:
            if not place_only:
                tick(session, f"own{seed}", number)
                number += 1
            if place_only or dice.random() < 0.3:
                session.backend.log.place()


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_a_killed_writer_or_sequencer_leaves_a_log_that_can_be_completed(
    opener: Opener, aws: Aws, kills: int, record_property: Figure
) -> None:
    session = opener(app)
    context, dice = multiprocessing.get_context("spawn"), random.Random(1)
    for number in range(kills):
        process = context.Process(target=child, args=(aws.prefix, aws.endpoint, number, number % 3 == 2), daemon=True)
        before = session.backend.store.last(f"count/own{number}")
        process.start()
        wanted = dice.randrange(1, 12)
        while number % 3 != 2 and process.is_alive():
            last = session.backend.store.last(f"count/own{number}")
            if last is not None and last.version >= wanted:
                break
        session.backend.log.place()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert before is None
    session.backend.log.place()
    table = names_of_all(session, kills)
    assert len(table) == len(set(table)) > kills
    events = judge(opener(app), table)
    record_property("figure", f"DynamoDB: {kills} kills of writers and sequencers: {events} events, all placed once")


def names_of_all(session: Any, kills: int) -> list[str]:
    """What the table has, read stream by stream: each event of several streams in one of them only."""
    streams = [f"count/own{n}" for n in range(kills)] + ["count/shared", "pair/shared"]
    streams += [f"pair/own{n}{end}" for n in range(kills) for end in ("", "-2", "-3")]
    found: list[str] = []
    for text in streams:
        for stored in session.backend.store.read(text, limit=10_000):
            event = session.codec.decode(stored)
            if event.slots[0][0] == text:
                found.append(event.data.name)
    return found


# cut off for over a day


def trimming(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that has forgotten everything: no place after a sequence number, nothing at its start."""
    monkeypatch.setattr(shards.Shards, "iterator", lambda self, shard, sequence: _gone() if sequence else "start")
    monkeypatch.setattr(shards.Shards, "pull", lambda self, shard, iterator: shards.Pulled([], iterator))


def _gone() -> str:
    raise Gone("trimmed")


def lost_in_an_outage(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Some commits are in the log; then others that no sequencer saw, and the stream has forgotten them."""
    first = opener(app)
    names = [tick(first, "own0", number) for number in range(16)]
    first.catch_up()
    first.close()
    second = opener(app)
    names += [tick(second, "own0", number) for number in range(16, 32)]
    names += [tick(second, "own1", number) for number in range(16)]
    second.close()
    trimming(monkeypatch)
    return names


def test_what_an_outage_of_the_stream_dropped_is_found_in_the_table(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    names = lost_in_an_outage(opener, monkeypatch)
    events = judge(opener(app), names)
    record_property(
        "figure", f"DynamoDB: an outage of the stream: {events} of {len(names)} events in the log afterwards"
    )


def test_a_comparison_that_was_cut_off_is_taken_up_again(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    names = lost_in_an_outage(opener, monkeypatch)
    monkeypatch.setattr(placing, "cut", lambda pending: min(3, len(pending)))
    faults = Faults().script("PutItem", None, None, ACCESS_DENIED)
    with pytest.raises(LeftfoldError):
        opener(app, faults).backend.log.place()
    assert 16 < opener.backend().log.end() < len(names)
    assert judge(opener(app), names) == len(names)


def test_without_the_comparison_the_log_stays_short(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    names = lost_in_an_outage(opener, monkeypatch)
    monkeypatch.setattr(placing._Run, "is_trimmed", lambda run_, state: False)
    with pytest.raises(Broken, match="lost"):
        judge(opener(app), names)


def test_a_log_begun_over_an_old_table_has_all_of_it(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = opener(app)
    names = [tick(writer, "own0", number) for number in range(24)]
    writer.category(pairing).handle(Pair("last", "own0", "own0-2", both=True))
    writer.close()
    trimming(monkeypatch)
    session = opener(app)
    session.backend.log.placing._is_old = lambda: True  # type: ignore[attr-defined]
    assert judge(session, [*names, "last"]) == 25
