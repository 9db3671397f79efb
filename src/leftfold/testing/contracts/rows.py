"""What Rows promises: rows, index entries and checkpoint in one step; the same order on every store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from leftfold.core.errors import Fenced
from leftfold.core.views import Scalar
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Progress
from leftfold.ports.rows import PAGE_ROWS, Change, Row, Span
from leftfold.testing.clock import FrozenClock
from leftfold.testing.contracts.base import HOSTILE_BYTES, HOSTILE_KEYS, Contract, MakeBackend, letter, step

ORDERED: tuple[Scalar, ...] = (
    -(2**63) + 1, -1e9, -1, -0.5, 0, 0.5, 1, 2**53, 2**53 + 1, 2**63 - 1,
    "", " ", "A", "a", "a ", "ab", "é", "\uffff", "\U0001f600",
)  # fmt: skip
"""Index values in the order of every store: numbers by value, then text by its UTF-8 bytes."""


def write(
    backend: Backend,
    build: str,
    *changes: Change,
    position: int = 0,
    park: Sequence[DeadLetter] = (),
    release: Sequence[DeadLetter] = (),
) -> None:
    """An operator's step: the next one from wherever the build is, each row folded onto what it is now."""
    now = backend.checkpoints.load(build)
    rows = backend.rows.get(build, [change.key for change in changes])
    onto = [replace(one, before=rows[one.key].applied) if one.key in rows else one for one in changes]
    move = step(build, now.revision, position or now.position + 1, park=park, release=release)
    backend.rows.write(build, onto, move)


def indexed(key: str, value: Scalar, *, was: Scalar | None = None, applied: int = 1) -> Change:
    dropped = () if was is None else (("size", was),)
    return Change(key, b"row of " + key.encode(), applied, dropped, (("size", value),))


def there(backend: Backend, build: str, *keys: str) -> dict[str, Row]:
    """The rows that exist: of a removed one, a store may still say how far it was."""
    return {key: row for key, row in backend.rows.get(build, keys).items() if row.body is not None}


def found(backend: Backend, span: Span, *, after: tuple[Scalar, str] | None = None, limit: int = 100) -> list[str]:
    return [row.key for _, row in backend.rows.find("v@1.0", "size", span, after=after, limit=limit)]


class RowsContract(Contract):
    """Subclass with `make_backend`."""

    # rows by key

    def test_a_row_that_nobody_wrote_is_not_there(self, backend: Backend) -> None:
        assert backend.rows.get("v@1.0", ["a", "b"]) == {}
        assert backend.rows.get("v@1.0", []) == {}
        assert backend.rows.scan("v@1.0") == []

    @pytest.mark.parametrize("body", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
    def test_a_row_reads_back_as_it_was_written(self, backend: Backend, body: bytes) -> None:
        write(backend, "v@1.0", Change("a", body, 7))
        assert backend.rows.get("v@1.0", ["a", "b"]) == {"a": Row("a", body, 7)}
        assert backend.rows.scan("v@1.0") == [Row("a", body, 7)]

    def test_a_row_is_replaced_and_removed(self, backend: Backend) -> None:
        write(backend, "v@1.0", Change("a", b"1", 1), Change("b", b"1", 1))
        write(backend, "v@1.0", Change("a", b"2", 2), Change("b", None, 2), Change("never", None, 2))
        assert there(backend, "v@1.0", "a", "b", "never") == {"a": Row("a", b"2", 2)}
        assert backend.rows.scan("v@1.0") == [Row("a", b"2", 2)]
        assert {row.applied for row in backend.rows.get("v@1.0", ["b", "never"]).values()} <= {2}

    def test_a_removed_row_comes_back(self, backend: Backend) -> None:
        write(backend, "v@1.0", indexed("a", 1))
        write(backend, "v@1.0", Change("a", None, 2, dropped=(("size", 1),)))
        assert there(backend, "v@1.0", "a") == {}
        assert found(backend, Span()) == []
        write(backend, "v@1.0", indexed("a", 2, applied=3))
        assert there(backend, "v@1.0", "a") == {"a": Row("a", b"row of a", 3)}
        assert [row.key for row in backend.rows.scan("v@1.0")] == found(backend, Span()) == ["a"]

    def test_keys_that_look_alike_are_rows_of_their_own(self, backend: Backend) -> None:
        write(backend, "v@1.0", *(Change(key, key.encode(), 1) for key in HOSTILE_KEYS))
        got = backend.rows.get("v@1.0", HOSTILE_KEYS)
        assert {key: row.body for key, row in got.items()} == {key: key.encode() for key in HOSTILE_KEYS}

    def test_many_rows_are_written_and_read_at_once(self, backend: Backend) -> None:
        keys = [f"key {i}" for i in range(1100)]
        write(backend, "v@1.0", *(Change(key, key.encode(), 1) for key in keys))
        assert backend.rows.get("v@1.0", keys) == {key: Row(key, key.encode(), 1) for key in keys}

    def test_builds_have_rows_of_their_own(self, backend: Backend) -> None:
        write(backend, "v@1.0", Change("a", b"old", 1, (), (("size", 1),)))
        write(backend, "v@2.0", Change("a", b"new", 1, (), (("size", 2),)))
        assert backend.rows.get("v@1.0", ["a"])["a"].body == b"old"
        assert backend.rows.get("v@2.0", ["a"])["a"].body == b"new"
        assert [row.body for row in backend.rows.scan("v@1.0")] == [b"old"]
        assert found(backend, Span()) == ["a"]

    # rows and checkpoint together

    def test_rows_and_checkpoint_move_together(self, backend: Backend) -> None:
        write(backend, "v@1.0", Change("a", b"1", 5), position=5, park=[letter("v@1.0", "row:b", 4)])
        progress = backend.checkpoints.load("v@1.0")
        assert (progress.position, progress.parked) == (5, {"row:b": 4})

    def test_a_step_without_changes_moves_the_checkpoint(self, backend: Backend) -> None:
        write(backend, "v@1.0", position=5)
        assert backend.checkpoints.load("v@1.0").position == 5

    def test_a_late_event_comes_under_its_row_with_its_letter(self, backend: Backend) -> None:
        waits = letter("v@1.0", "row:a", 3)
        write(backend, "v@1.0", indexed("a", 1, applied=5), position=5, park=[waits])
        write(backend, "v@1.0", indexed("a", 2, was=1, applied=5), position=5, release=[waits])
        assert backend.checkpoints.load("v@1.0").parked == {}
        assert backend.dead.list() == []
        assert backend.rows.find("v@1.0", "size", Span(), after=None, limit=9) == [(2, Row("a", b"row of a", 5))]
        write(backend, "v@1.0", indexed("a", 3, was=2, applied=6), position=6)
        assert found(backend, Span(low=3)) == ["a"]

    def test_a_late_write_from_another_revision_is_fenced_and_leaves_everything_as_it_was(
        self, backend: Backend
    ) -> None:
        waits = letter("v@1.0", "row:a", 3)
        write(backend, "v@1.0", indexed("a", 1, applied=5), position=5, park=[waits])
        before, letters = backend.checkpoints.load("v@1.0"), backend.dead.list()
        late = replace(indexed("a", 9, was=1, applied=5), before=5)
        with pytest.raises(Fenced):
            backend.rows.write("v@1.0", [late], step("v@1.0", 0, 5, release=[waits]))
        assert backend.checkpoints.load("v@1.0") == before
        assert backend.dead.list() == letters
        assert found(backend, Span(low=1, equal=True)) == found(backend, Span()) == ["a"]

    def test_a_write_from_another_revision_is_fenced_and_leaves_everything_as_it_was(self, backend: Backend) -> None:
        write(backend, "v@1.0", indexed("a", 1), indexed("b", 2), position=5)
        before = backend.checkpoints.load("v@1.0")
        late = [indexed("a", 9, was=1), Change("b", None, 6, dropped=(("size", 2),)), indexed("c", 3)]
        with pytest.raises(Fenced):
            backend.rows.write("v@1.0", late, step("v@1.0", 0, 6, park=[letter("v@1.0", "row:d", 6)]))
        assert backend.checkpoints.load("v@1.0") == before
        assert backend.dead.list() == []
        assert found(backend, Span()) == [row.key for row in backend.rows.scan("v@1.0")] == ["a", "b"]
        assert found(backend, Span(low=1, equal=True)) == ["a"]

    def test_a_write_of_whoever_lost_the_lease_is_fenced(self, backend: Backend, clock: FrozenClock) -> None:
        lost = backend.checkpoints.acquire("v@1.0", "me", 10)
        clock.forward(10)
        later = backend.checkpoints.acquire("v@1.0", "you", 10)
        assert lost is not None
        assert later is not None
        with pytest.raises(Fenced):
            backend.rows.write("v@1.0", [Change("a", b"zombie", 1)], step("v@1.0", 0, 1, token=lost.token))
        assert backend.rows.get("v@1.0", ["a"]) == {}
        backend.rows.write("v@1.0", [Change("a", b"1", 1)], step("v@1.0", 0, 1, token=later.token))
        assert backend.rows.get("v@1.0", ["a"])["a"].body == b"1"

    # indexes

    def test_an_index_is_in_the_order_of_its_values(self, backend: Backend) -> None:
        values = {f"key {i}": value for i, value in enumerate(ORDERED)}
        write(backend, "v@1.0", *(indexed(key, value) for key, value in reversed(values.items())))
        assert found(backend, Span()) == list(values)
        pairs = backend.rows.find("v@1.0", "size", Span(), after=None, limit=100)
        assert [value for value, _ in pairs] == list(ORDERED)
        assert [row.body for _, row in pairs] == [b"row of " + key.encode() for key in values]

    def test_a_range_has_its_low_end_in_and_its_high_end_out(self, backend: Backend) -> None:
        keys = [f"key of {value}" for value in ORDERED]
        write(backend, "v@1.0", *(indexed(key, value) for key, value in zip(keys, ORDERED, strict=True)))
        for i, low in enumerate(ORDERED):
            assert found(backend, Span(low=low)) == keys[i:]
            assert found(backend, Span(high=low)) == keys[:i]
            assert found(backend, Span(low=low, equal=True)) == [keys[i]]
            for j, high in enumerate(ORDERED):
                assert found(backend, Span(low, high)) == keys[i:j]

    def test_equal_numbers_are_equal_whatever_their_type(self, backend: Backend) -> None:
        write(backend, "v@1.0", indexed("int", 1), indexed("float", 1.0), indexed("text", "1"))
        assert found(backend, Span(low=1, equal=True)) == found(backend, Span(low=1.0, equal=True)) == ["float", "int"]
        assert found(backend, Span(low="1", equal=True)) == ["text"]

    def test_rows_of_one_value_are_in_the_order_of_their_keys_bytes(self, backend: Backend) -> None:
        write(backend, "v@1.0", *(indexed(key, 1) for key in HOSTILE_KEYS))
        assert found(backend, Span(low=1, equal=True)) == sorted(HOSTILE_KEYS, key=str.encode)

    def test_an_index_is_read_in_pages(self, backend: Backend) -> None:
        rows = [(value, key) for value in (1, 2, "x") for key in ("a", "b", "é")]
        write(backend, "v@1.0", *(indexed(f"{key}{value}", value) for value, key in rows))
        read: list[tuple[Scalar, str]] = []
        while page := backend.rows.find("v@1.0", "size", Span(low=1), after=read[-1] if read else None, limit=2):
            assert len(page) <= 2
            read += [(value, row.key) for value, row in page]
        assert read == [(value, f"{key}{value}") for value, key in rows]

    def test_an_entry_follows_its_row(self, backend: Backend) -> None:
        write(backend, "v@1.0", indexed("a", 1), indexed("b", 1), indexed("c", 1))
        write(backend, "v@1.0", indexed("a", 2, was=1, applied=2), Change("b", None, 2, dropped=(("size", 1),)))
        write(backend, "v@1.0", Change("c", b"unlisted", 2, dropped=(("size", 1),)))
        assert found(backend, Span()) == ["a"]
        assert found(backend, Span(low=2, equal=True)) == ["a"]
        assert [row.key for row in backend.rows.scan("v@1.0")] == ["a", "c"]

    def test_a_found_row_is_the_one_of_now(self, backend: Backend) -> None:
        write(backend, "v@1.0", indexed("a", 1))
        write(backend, "v@1.0", Change("a", b"newer", 2))
        ((value, row),) = backend.rows.find("v@1.0", "size", Span(), after=None, limit=9)
        assert (value, row) == (1, Row("a", b"newer", 2))

    def test_indexes_are_apart(self, backend: Backend) -> None:
        write(backend, "v@1.0", Change("a", b"1", 1, (), (("size", 1), ("age", 7))))
        assert found(backend, Span(low=7, equal=True)) == []
        assert backend.rows.find("v@1.0", "unheard of", Span(), after=None, limit=9) == []

    # scanning

    def test_a_scan_is_in_the_order_of_the_keys_bytes_a_page_at_a_time(self, backend: Backend) -> None:
        write(backend, "v@1.0", *(Change(key, b"1", 1) for key in HOSTILE_KEYS))
        read: list[str] = []
        while page := backend.rows.scan("v@1.0", after=read[-1] if read else "", limit=7):
            assert len(page) <= 7
            read += [row.key for row in page]
        assert read == sorted(HOSTILE_KEYS, key=str.encode)

    def test_a_page_is_full_until_the_end(self, backend: Backend) -> None:
        write(backend, "v@1.0", *(Change(f"{i:06}", b"1", 1) for i in range(PAGE_ROWS + 1)))
        assert len(backend.rows.scan("v@1.0")) == PAGE_ROWS
        assert [row.key for row in backend.rows.scan("v@1.0", after=f"{PAGE_ROWS - 1:06}")] == [f"{PAGE_ROWS:06}"]

    # dropping

    def test_dropping_a_build_leaves_nothing_of_it_and_all_of_the_others(self, backend: Backend) -> None:
        for build in ("v@1.0", "v@1.00", "v@2.0"):
            write(backend, build, indexed("a", 1), position=5, park=[letter(build, "row:b", 4)])
        backend.rows.drop("v@1.0")
        assert backend.rows.scan("v@1.0") == []
        assert found(backend, Span()) == []
        assert backend.checkpoints.load("v@1.0") == Progress()
        assert backend.dead.list("v@1.0") == []
        for build in ("v@1.00", "v@2.0"):
            assert [row.key for row in backend.rows.scan(build)] == ["a"]
            assert backend.checkpoints.load(build).parked == {"row:b": 4}
            assert len(backend.rows.find(build, "size", Span(), after=None, limit=9)) == 1
        write(backend, "v@1.0", Change("a", b"again", 1))
        assert found(backend, Span()) == []
        backend.rows.drop("never built")

    # others

    def test_what_one_wrote_another_reads(self, backend: Backend, open_backend: MakeBackend) -> None:
        other = open_backend("")
        write(backend, "v@1.0", indexed("a", 1))
        assert other.rows.scan("v@1.0") == backend.rows.scan("v@1.0")
        assert found(other, Span()) == ["a"]

    def test_tenants_share_nothing(self, backend: Backend, open_backend: MakeBackend) -> None:
        other = open_backend("acme")
        write(backend, "v@1.0", indexed("a", 1))
        assert other.rows.get("v@1.0", ["a"]) == {}
        assert other.rows.scan("v@1.0") == []
        assert found(other, Span()) == []
        other.rows.drop("v@1.0")
        assert found(backend, Span()) == ["a"]
