"""Mistakes planted in ingest: each loses a reading, takes one twice, or breaks an order. The simulation finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import pytest

from leftfold.codec.envelope import Codec
from leftfold.core.errors import LeftfoldError
from leftfold.handling.loading import TICK
from leftfold.ingest import marks, past, taking, tally
from leftfold.ingest.declared import EVER, Record
from leftfold.ingest.lines import Draft, Line, Wanted
from leftfold.ingest.marks import Asked, Mark, Marks, Sifted, Tail

Plant = Callable[[pytest.MonkeyPatch], None]


def no_look_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(past.Past, "_look_back", lambda self, stream, low, since, asked: set())


def ids_without_shard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "id", property(lambda record: f"{record.sequence}.{record.sub}"))


def ids_without_sub(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "id", property(lambda record: f"{record.shard}:{record.sequence}"))


def by_shard(ids: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Each shard's records as (sequence, sub)."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in ids:
        shard, _, rest = one.rpartition(":")
        sequence, _, sub = rest.partition(".")
        found.setdefault(shard, []).append((int(sequence), int(sub)))
    return found


def covered(known: Iterable[str], wanted: Iterable[str], *, from_first: bool) -> set[str]:
    """The wanted records that lie in the range of the known ones of their shard, or just not after it."""
    spans = {shard: (min(places), max(places)) for shard, places in by_shard(known).items()}

    def inside(one: str) -> bool:
        ((shard, (place,)),) = by_shard([one]).items()
        first, last = spans.get(shard, ((1, 0), (0, 0)))
        return place <= last and (not from_first or first <= place)

    return {one for one in wanted if inside(one)}


def marks_that_are_ranges(patch: pytest.MonkeyPatch, *, from_first: bool = True) -> None:
    """Whoever notes the first and the last record of each commit, and takes all between for taken."""
    sift, read = Marks.sift, past.Past.sift

    def tails(self: Marks, stream: str, records: Sequence[Asked]) -> Sifted | None:
        found = sift(self, stream, records)
        if found is not None:
            for mark in self._tails[stream].marks:
                found.known |= covered(mark.ids, [one for one, _ in records], from_first=from_first)
        return found

    def pasts(self: past.Past, stream: str, asked: Sequence[Asked], sifted: Sifted | None) -> Sifted:
        found = read(self, stream, asked, sifted)
        page = self._store.read(stream)
        for mark, _ in self._marks_of(page, 0):
            found.known |= covered(mark.ids, [one for one, _ in asked], from_first=from_first)
        return found

    patch.setattr(Marks, "sift", tails)
    patch.setattr(past.Past, "sift", pasts)


def marks_that_are_the_last_record(patch: pytest.MonkeyPatch) -> None:
    marks_that_are_ranges(patch, from_first=False)


def commits_older_than_their_records(patch: pytest.MonkeyPatch) -> None:
    """The commit's time is only the container's, whose clock may be behind the source's."""
    drafts = Line.drafts

    def behind(self: Line, codec: Codec, actor: str, now: datetime) -> list[Draft]:
        for one in self.waiting:
            one.record = Record(one.record.shard, one.record.sequence, one.record.sub, EVER, "", one.record.data)
        return drafts(self, codec, actor, now)

    patch.setattr(Line, "drafts", behind)


def looking_back_for_the_newest_only(patch: pytest.MonkeyPatch) -> None:
    def newest(records: Sequence[Asked], since: datetime, low: int) -> datetime | None:
        return max((arrival for _, arrival in records if arrival < since), default=None) if low else None

    patch.setattr(marks, "_unsure", newest)


def looking_back_one_page(patch: pytest.MonkeyPatch) -> None:
    back = past.Past._look_back

    def short(self: past.Past, stream: str, low: int, since: datetime, asked: set[str]) -> set[str]:
        page = self._store.read(stream, after=max(0, low - past.LOOK_BACK), limit=past.LOOK_BACK)
        seen = {one for mark, _ in self._marks_of(page, 0) for one in mark.ids}
        return seen & back(self, stream, low, since, asked)

    patch.setattr(past.Past, "_look_back", short)


def forgetting_without_noting_it(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Tail) -> int:
        if not self.marks:
            return 0
        oldest = self.marks.popleft()
        for one in oldest.ids:
            self.ids.pop(one, None)
        return len(oldest.ids)

    patch.setattr(Tail, "forget_oldest", forget)


def remembering_with_a_gap(patch: pytest.MonkeyPatch) -> None:
    """What is read backwards is remembered though a part of it had no room."""

    def deepen(self: Marks, stream: str, low: int, found: Sequence[Mark], since: datetime | None) -> None:
        tail = self._tails.get(stream)
        if tail is not None and tail.low == low:
            for mark in found:
                tail.low, tail.since = mark.before, mark.at + TICK
                tail.marks.appendleft(mark)
                self._count(tail, mark)
            tail.since = min(tail.since, since or tail.since)

    patch.setattr(Marks, "deepen", deepen)


def claiming_what_had_no_room(patch: pytest.MonkeyPatch) -> None:
    """What was read backwards and not kept counts as remembered."""
    deepen = Marks.deepen

    def claim(self: Marks, stream: str, low: int, found: Sequence[Mark], since: datetime | None) -> None:
        deepen(self, stream, low, found, since or EVER)

    patch.setattr(Marks, "deepen", claim)


def writing_again_without_reading(patch: pytest.MonkeyPatch) -> None:
    """Who lost a race goes on from the stream's new end, and doesn't look who was first."""

    def learn(self: Line, mark: Mark) -> int:
        self.version, self.at = mark.last, mark.at
        return 0

    patch.setattr(Line, "learn", learn)


def taking_on_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    """The records after a batch with a failure are taken before it is delivered again."""

    def take(self: taking.Ingesting, records: Iterable[Record], *, until: object = None) -> taking.Taken:
        counts, rest = tally.Tally(), enumerate(records)
        while chunk := list(taking._chunk(rest)):
            counts.records += len(chunk)
            self._take(chunk, counts)
        return counts.result()

    patch.setattr(taking.Ingesting, "take", take)


def going_on_in_a_stream_that_failed(patch: pytest.MonkeyPatch) -> None:
    """A stream's next commits are tried though the one before them was not written."""

    def apart(self: taking.Ingesting, drafts: Sequence[Draft]) -> Sequence[taking.Answer]:
        answers: list[taking.Answer] = []
        for draft in drafts:
            try:
                last = self._store.last(draft.line.stream)
                fresh = Draft(draft.line, last.version if last else 0, draft.at, self._actor)
                for one in draft.wanted:
                    fresh.add(one, fresh.frame(self._codec, one))
                answers.append(self._store.append(fresh.commit()))
            except LeftfoldError as error:
                answers.append(error)  # type: ignore[arg-type]
        return answers

    patch.setattr(taking.Ingesting, "_apart", apart)


def reporting_the_last_failure(patch: pytest.MonkeyPatch) -> None:
    def fail(self: tally.Tally, records: Iterable[tuple[int, Record]], why: str) -> None:
        for place, record in records:
            self.trouble = why
            self.failed += 1
            self._again[record.shard] = place, record

    patch.setattr(tally.Tally, "fail", fail)


def a_record_in_two_commits(patch: pytest.MonkeyPatch) -> None:
    """Each event is a record of its own: one may be written without the other."""

    def sort_out(self: taking.Ingesting, chunk: Any, counts: Any) -> list[Line]:
        found = out(self, chunk, counts)
        for line in found:
            line.waiting = [
                Wanted(one.place, one.record, one.id, (event,)) for one in line.waiting for event in one.events
            ]
        return found

    out = taking.Ingesting._sort_out
    patch.setattr(taking.Ingesting, "_sort_out", sort_out)


def setting_nothing_aside(patch: pytest.MonkeyPatch) -> None:
    def drop(self: taking.Ingesting, bad: Sequence[Any], counts: tally.Tally) -> None:
        counts.malformed += len(bad)

    patch.setattr(taking.Ingesting, "_set_aside", drop)


def losing_what_has_no_place(patch: pytest.MonkeyPatch) -> None:
    """A record that can't be set aside now counts as set aside."""
    keep = taking.Ingesting._set_aside

    def lose(self: taking.Ingesting, bad: Sequence[Any], counts: tally.Tally) -> None:
        other = tally.Tally()
        keep(self, bad, other)
        counts.malformed += len(bad)

    patch.setattr(taking.Ingesting, "_set_aside", lose)


BUGS: Final[tuple[Plant, ...]] = (
    no_look_back,
    ids_without_shard,
    ids_without_sub,
    marks_that_are_ranges,
    marks_that_are_the_last_record,
    commits_older_than_their_records,
    looking_back_for_the_newest_only,
    looking_back_one_page,
    forgetting_without_noting_it,
    remembering_with_a_gap,
    claiming_what_had_no_room,
    writing_again_without_reading,
    taking_on_after_a_failure,
    going_on_in_a_stream_that_failed,
    reporting_the_last_failure,
    a_record_in_two_commits,
    setting_nothing_aside,
    losing_what_has_no_place,
)
