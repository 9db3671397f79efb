"""A log that is too long to be read whole is read in windows: what they say agrees with a count of all of it."""

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings, strategies as st

from leftfold import Session
from leftfold.core.events import Stored
from leftfold.fit.advice import Measured
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.measuring import history as history_module, measure
from leftfold.measuring.history import percentile, read_history, windows
from tests.fit.shelves import DATA, Put, note, opened, shelf

Puts = Sequence[tuple[int, tuple[int, ...]]]  # shelf, and the sizes of its notes

PUTS = st.lists(
    st.tuples(st.integers(0, 12), st.lists(st.integers(DATA + 1, 400), min_size=1, max_size=4).map(tuple)),
    min_size=1,
    max_size=40,
)


def put(session: Session, puts: Puts) -> None:
    books = session.category(shelf)
    for key, sizes in puts:
        books.handle(str(key), Put(tuple(note("x", size) for size in sizes)))


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> int:
    """10 windows of 20 events: the tests needn't fill a log of hundreds of thousands."""
    monkeypatch.setattr(history_module, "WINDOWS", 10)
    monkeypatch.setattr(history_module, "WINDOW_EVENTS", 20)
    return 200


def naive(puts: Puts) -> dict[str, float]:
    """The same figures, from what was put."""
    sizes = [size for _, some in puts for size in some]
    lengths = [sum(len(some) for key, some in puts if key == shelf) for shelf in {key for key, _ in puts}]
    return {
        "event_bytes": sum(sizes) / len(sizes),
        "max_event_kb": max(sizes) / 1000,
        "events_per_command": len(sizes) / len(puts),
        "streams": len(lengths),
        "event_bytes_p99": min(one for one in sizes if sum(other <= one for other in sizes) >= 0.99 * len(sizes)),
        "stream_events_mean": sum(lengths) / len(lengths),
        "stream_events_p99": min(
            one for one in lengths if sum(other <= one for other in lengths) >= 0.99 * len(lengths)
        ),
        "stream_events_most": max(lengths),
    }


def figures(found: Measured) -> dict[str, float]:
    return found.facts | {key: value for key, value in found.answers.items() if isinstance(value, float)}


@settings(max_examples=60)
@given(PUTS)
def test_what_is_read_whole_is_what_a_naive_count_says(puts: Puts) -> None:
    with opened() as session:
        put(session, puts)
        known = figures(measure(session))
    assert {key: known[key] for key in naive(puts)} == pytest.approx(naive(puts))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(one <= found for one in ordered) >= share * len(ordered)
    assert all(sum(one <= less for one in ordered) < share * len(ordered) for less in ordered if less < found)


@given(st.integers(0, 3_000_000))
def test_windows_never_overlap_and_stand_in_the_middle_of_their_parts(end: int) -> None:
    size, number = history_module.WINDOW_EVENTS, history_module.WINDOWS
    starts = windows(end)
    stops = [min(end, start + size) for start in starts]
    assert all(stop <= start for stop, start in zip(stops, starts[1:], strict=False))
    assert sum(stop - start for start, stop in zip(starts, stops, strict=True)) == min(end, size * number)
    if end > size * number:
        middles = [start + size / 2 for start in starts]
        assert middles == pytest.approx([(part + 0.5) * end / number for part in range(number)], abs=1)


def many(commits: int) -> Puts:
    """Streams that begin all along the way, each twice as often as the one before it, and sizes in turn."""
    return [
        (commit // 7 if commit % 3 else commit % 5, (20 + commit % 60,) * (1 + commit % 2)) for commit in range(commits)
    ]


def estimate(puts: Puts) -> Measured:
    with opened() as session:
        put(session, puts)
        return measure(session)


def test_a_long_log_is_read_in_windows_and_says_so(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(history_module, "WINDOW_EVENTS", 50)
    puts = many(7_000)
    found = estimate(puts)
    assert (found.facts["events"], found.facts["events_read"]) == (10_500, 2_000)
    assert any(note.startswith("2,000 of 10,500 events were read, in 40 places") for note in found.notes)
    assert (found.how["streams"], found.how["max_event_kb"]) == ("estimated", "seen")
    known, real = figures(found), naive(puts) | {"commits": 7_000}
    near = {"event_bytes": 0.05, "events_per_command": 0.05, "commits": 0.05, "event_bytes_p99": 0.05, "streams": 0.2}
    for key, off in near.items():
        assert known[key] == pytest.approx(real[key], rel=off), key
    assert known["stream_events_mean"] == pytest.approx(real["stream_events_mean"], rel=0.2)
    assert known["stream_events_most"] == real["stream_events_most"], "it is met often, and its end looked up"
    off_by = ", ".join(f"{key} {abs(known[key] / real[key] - 1):.1%}" for key in near)
    record_property("figure", f"fit --from, 2,000 of 10,500 events read: off by {off_by}")


def test_a_log_just_at_the_bound_is_read_whole(small_windows: int) -> None:
    puts: Puts = [(n, (20,)) for n in range(small_windows)]
    assert estimate(puts).how["streams"] == "counted"
    assert estimate([*puts, (0, (20,))]).how["streams"] == "estimated"


def test_the_lengths_of_streams_are_looked_up_in_the_store_and_only_some(
    small_windows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "LOOKED_UP_STREAMS", 15)
    with opened() as session:
        put(session, [(n, (20,)) for n in range(400)])
        put(session, [(n, (20, 20)) for n in range(400)])
        store = _Counting(session)
        found = read_history(session.backend.log, 1200, session.codec, lambda done, total: None)
        found.finish(store)
    assert (len(store.asked), found.lengths) == (len(set(store.asked)), [3] * len(store.asked))
    assert 15 / 2 <= len(store.asked) <= 15
    assert found.streams == pytest.approx(400, rel=0.2)


class _Counting:
    """A store that remembers what its streams' ends were asked for."""

    def __init__(self, session: Session) -> None:
        self._store = session.backend.store
        self.asked: list[str] = []

    def last(self, stream: str) -> Stored | None:
        self.asked.append(stream)
        return self._store.last(stream)


def test_streams_that_all_begin_at_once_are_not_taken_for_more(small_windows: int) -> None:
    """A window at the beginning would meet 20 of them in 20 events, and say 200."""
    found = estimate([(n % 53, (20,)) for n in range(2000)])
    assert (found.facts["events_read"], found.answers["streams"]) == (200, 53)


@pytest.mark.parametrize("size", [6, 7, 8, 9])
def test_what_a_window_cuts_of_a_commit_says_nothing(small_windows: int, size: int) -> None:
    """Of 20 events, 8 each, three commits begin in some windows and two in others."""
    found = estimate([(n, (20,) * size) for n in range(200)])
    assert found.facts["events_read"] == small_windows
    assert (found.answers["events_per_command"], found.facts["commits"]) == (size, 200)


def test_one_stream_in_windows_is_one(small_windows: int) -> None:
    found = estimate([(0, (20,) * 4)] * 300)
    assert found.answers["streams"] == 1
    assert (found.facts["stream_events_mean"], found.facts["stream_events_most"]) == (1200, 1200)
    items = 1200 * found.facts["stored_event_bytes"] + 300 * BY_NAME["commit_item_bytes"].value
    assert found.facts["cold_load_units_mean"] == math.ceil(items / 4096)


def test_progress_is_told_of_what_will_be_read(small_windows: int) -> None:
    heard: list[tuple[int, int]] = []
    with opened() as session:
        put(session, many(400))
        measure(session, advance=lambda done, total: heard.append((done, total)))
    assert heard == [(20 * (n + 1), small_windows) for n in range(10)]
