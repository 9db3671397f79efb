"""What the sequencer answers to each thing that a stream may show, on values."""

from collections.abc import Callable, Iterable

import msgspec
import pytest

from leftfold.adapters.dynamodb.sequencing import Entry, Part, Record, Sequencer, Shard, State
from leftfold.core.errors import IntegrityError
from tests.sequencer.world import part_of

SKEW = 10


class Table:
    """The commits that were written, and how often it was asked."""

    def __init__(self, *commits: Entry) -> None:
        self.commits = list(commits)
        self.asked = 0
        self.fails_at = 0

    def between(self, stream: str, after_version: int, before_version: int) -> list[Entry]:
        return self.find(stream, lambda part, _: after_version < part.first < before_version)

    def since(self, stream: str, before_version: int, time: int) -> list[Entry]:
        return self.find(stream, lambda part, at: part.first < before_version and at > time)

    def find(self, stream: str, wanted: Callable[[Part, int], bool]) -> list[Entry]:
        self.asked += 1
        if self.asked == self.fails_at:
            raise TimeoutError
        mine = [entry for entry in self.commits if any(part.stream == stream for part in entry.parts)]
        found = [entry for entry in mine if wanted(part_of(entry, stream), entry.time)]
        return sorted(found, key=lambda entry: part_of(entry, stream).first)


def entry(time: int, *slots: tuple[str, int, int]) -> Entry:
    """A commit of one version in each of these streams: name, version, time of the one before."""
    return Entry(tuple(Part(stream, first, 1, before) for stream, first, before in slots), time)


def chain(stream: str, *times: int) -> list[Entry]:
    return [
        entry(time, (stream, number, times[number - 2] if number > 1 else 0)) for number, time in enumerate(times, 1)
    ]


def started(
    table: Table | None = None, *shards: str, state: State | None = None, pages: Iterable[Entry] = ()
) -> Sequencer:
    sequencer = Sequencer(state or State(), [(1, pages)] if pages else [], table or Table(), skew=SKEW)
    for shard in shards:
        sequencer.open(shard)
    return sequencer


def shown(shard: str, *entries: Entry, after: int = 0) -> list[Record]:
    return [Record(shard, number, one) for number, one in enumerate(entries, after + 1)]


def test_a_version_seen_too_early_waits_for_the_one_before() -> None:
    one, two, three = commits = chain("a", 100, 101, 102)
    sequencer = started(Table(*commits), "x", "y")
    sequencer.take(shown("x", three))
    sequencer.take(shown("y", one, two))
    assert sequencer.pending == commits


def test_a_hole_in_a_remembered_stream_is_filled() -> None:
    commits = chain("a", 100, 101, 102, 103)
    sequencer = started(table := Table(*commits), "x", "y")
    sequencer.take(shown("x", commits[0], commits[3]))
    sequencer.take(shown("y", commits[1], commits[2]))
    assert sequencer.pending == commits
    assert table.asked == 1


def test_what_is_shown_again_is_dropped() -> None:
    commits = chain("a", 100, 101)
    sequencer = started(None, "x")
    sequencer.take(shown("x", *commits) * 2)
    assert sequencer.pending == commits
    assert sequencer.shards == {"x": Shard(2, 101)}


def test_a_commit_of_two_streams_goes_out_once_after_both_predecessors() -> None:
    first, second = chain("a", 100)[0], chain("b", 101)[0]
    both = entry(102, ("a", 2, 100), ("b", 2, 101))
    sequencer = started(Table(first, second, both), "x", "y")
    sequencer.take(shown("x", first, both))
    sequencer.take(shown("y", second, both))
    assert sequencer.pending == [first, second, both]


def test_a_long_chain_through_many_streams_is_followed_to_its_beginning() -> None:
    commits = [
        entry(1_000 + n, (f"s{n}", 2 if n else 1, 999 + n if n else 0), (f"s{n + 1}", 1, 0)) for n in range(3_000)
    ]
    sequencer = started(Table(*commits), "x")
    sequencer.take(shown("x", commits[-1]))
    assert sequencer.pending == commits


def test_a_hint_is_placed_and_its_record_dropped() -> None:
    commits = chain("a", 100, 101)
    sequencer = started(Table(*commits), "x")
    sequencer.hint(commits[1:])
    sequencer.take(shown("x", *commits))
    assert sequencer.pending == commits


def test_a_hint_of_a_forgotten_stream_is_old() -> None:
    old, new = chain("a", 100)[0], chain("b", 200)[0]
    sequencer = started(None, "x")
    sequencer.take(shown("x", old, new))
    assert sequencer.remembered == 1
    sequencer.hint([old])
    assert sequencer.pending == [old, new]


def test_a_forgotten_stream_goes_on_without_a_look_up() -> None:
    one, two = chain("a", 100, 300)
    sequencer = started(table := Table(one, two), "x")
    sequencer.take(shown("x", one, chain("b", 200)[0], two))
    assert sequencer.pending[-1] == two
    assert table.asked == 0


def test_an_idle_shard_holds_the_watermark_until_it_is_closed() -> None:
    sequencer = started(None, "x", "idle")
    sequencer.take(shown("x", *chain("a", 100, 200)))
    assert sequencer.watermark == 0
    sequencer.close("idle")
    assert sequencer.watermark == 200


def test_children_hold_the_watermark_at_their_parents_time() -> None:
    sequencer = started(None, "x", "y")
    sequencer.take(shown("x", *chain("a", 100)))
    sequencer.take(shown("y", *chain("b", 200)))
    sequencer.close("x", "x1", "x2")
    sequencer.take(shown("x1", *chain("c", 300)))
    assert sequencer.watermark == 100
    sequencer.take(shown("x2", *chain("d", 301)))
    assert sequencer.watermark == 200


def test_the_watermark_never_falls() -> None:
    sequencer = started(None, "x")
    sequencer.take(shown("x", *chain("a", 100)))
    sequencer.close("x")
    sequencer.open("later")
    assert sequencer.watermark == 100
    assert sequencer.shards == {"later": Shard(0, 100)}


def test_records_of_others_move_the_shard_and_the_watermark() -> None:
    sequencer = started(None, "x")
    sequencer.take([Record("x", 5, None, 500), Record("x", 6)])
    assert sequencer.shards == {"x": Shard(6, 500)}
    assert sequencer.watermark == 500


def test_a_page_stores_no_progress_that_is_not_in_a_page() -> None:
    commits = chain("a", 100, 101, 102)
    sequencer = started(None, "x")
    sequencer.take(shown("x", *commits))
    assert sequencer.paged(1, 2) == State({}, 0, 1)
    assert sequencer.paged(3, 1) == State({"x": Shard(3, 102)}, 102, 1)
    assert not sequencer.pending


def test_after_a_restart_nothing_is_repeated_and_nothing_is_missing() -> None:
    commits = chain("a", 100, 101, 102, 103)
    before = started(None, "x")
    before.take(shown("x", *commits[:2]))
    state = before.paged(1, 2)
    after = started(None, state=state, pages=commits[:2])
    after.take(shown("x", *commits))
    assert after.pending == commits[2:]


def test_the_state_stays_small_and_the_memory_bounded() -> None:
    sequencer = started(None, "x", "y")
    sizes = set()
    for page in range(100):
        commits = [chain(f"{page}-{n}", 1_000 + page * 10 + n)[0] for n in range(10)]
        sequencer.take(shown("x", *commits[:9], after=10 * page))
        sequencer.take(shown("y", *commits[9:], after=10 * page))
        state = sequencer.paged(1 + page * 10, 10)
        assert state.low >= 1 + (page - 3) * 10
        assert sequencer.remembered <= 40
        sizes.add(len(msgspec.json.encode(state)))
    assert max(sizes) < 150
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state


def test_a_failed_look_up_loses_nothing() -> None:
    commits = [*chain("a", 100, 101), *chain("b", 90)]
    both = entry(102, ("a", 3, 101), ("b", 2, 90))
    table = Table(*commits, both)
    sequencer = started(table, "x")
    sequencer.take(shown("x", commits[0]))
    table.fails_at = 2  # stream a is answered for, b isn't
    with pytest.raises(TimeoutError):
        sequencer.take(shown("x", commits[0], both))
    assert sequencer.pending == commits[:2]
    sequencer.take(shown("x", commits[0], both))
    assert sequencer.pending == [*commits, both]


def test_a_table_without_the_predecessor_is_damaged() -> None:
    one, _, three = chain("a", 100, 101, 102)
    sequencer = started(Table(one, three), "x")
    with pytest.raises(IntegrityError, match="a has no commit that ends at version 2"):
        sequencer.take(shown("x", one, three))
    assert sequencer.pending == [one]


def test_a_history_from_before_the_stream_is_placed_while_the_watermark_is_held() -> None:
    old = [*chain("a", 100, 101), *chain("b", 102)]
    new = entry(5_000, ("a", 3, 101))
    sequencer = started(Table(*old, new), "x", "scan")
    sequencer.take(shown("x", new))
    sequencer.hint([*old, new])
    sequencer.close("scan")
    assert sequencer.pending == [*old[:2], new, old[2]]
    assert sequencer.watermark == 5_000


@pytest.mark.parametrize("is_placed", [True, False])
def test_the_log_is_asked_about_a_late_record_of_a_forgotten_stream(is_placed: bool) -> None:
    (new,), (late,) = chain("a", 100), chain("b", 80)
    sequencer = Sequencer(State(), [], Table(new, late), skew=SKEW, is_placed=lambda entry: is_placed)
    sequencer.open("x")
    sequencer.take(shown("x", new, late))
    assert sequencer.pending == [new] if is_placed else [new, late]
    assert sequencer.late == 1


def test_a_late_record_of_a_remembered_stream_goes_on_from_its_end() -> None:
    one = chain("a", 100)[0]
    two = entry(101, ("a", 2, 100))
    sequencer = started(None, "x")
    sequencer.take(shown("x", one, *chain("b", 120), *chain("c", 121), two))
    assert sequencer.pending[-1] != two  # forgotten, and the log is said to have it
    sequencer = started(None, "x")
    sequencer.take(shown("x", one, *chain("b", 119), two))
    assert sequencer.pending[-1] == two


def test_a_bound_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="skew must be positive"):
        Sequencer(State(), [], Table(), skew=0)
