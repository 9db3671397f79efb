"""Events in DynamoDB: EventStore and Snapshots. A commit is one conditional write; a warm one reads nothing before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from leftfold.adapters.dynamodb.appending import Draft, Drafts
from leftfold.adapters.dynamodb.calls import Item
from leftfold.adapters.dynamodb.known import Known, Memory, id_hash
from leftfold.adapters.dynamodb.layout import Written, in_stream, is_commit, read_commit
from leftfold.adapters.dynamodb.lineages import lineages
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.receipts import write_receipt
from leftfold.adapters.dynamodb.sequencing import Entry
from leftfold.adapters.dynamodb.snapshots import (
    BACK_PAGE,
    LOOK_BACK,
    is_complete,
    is_snapshot,
    read_snapshot,
    remembered,
)
from leftfold.core.commits import Appended, Commit, Found, Start
from leftfold.core.errors import ConfigError, Conflict
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.store import PAGE_EVENTS

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

THREADS: Final = 16  # appends of different streams under way at once, for those who hand in many
SPARE: Final = 64  # pages that were read further than was asked for, kept for the next question


class DynamoStore:
    """EventStore and Snapshots over one events table. `appended` hears of every commit that was written here."""

    def __init__(self, reader: Reader, drafts: Drafts, store_id: str, appended: Callable[[Entry], None]) -> None:
        self._reader, self._drafts, self._id, self._appended = reader, drafts, store_id, appended
        self._memory = Memory()
        self._spare: OrderedDict[tuple[str, int], list[Written]] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None

    # appending

    def append(self, commit: Commit) -> Appended:
        entry = self._append(commit)
        self._appended(entry)
        return Appended(self.receipt(entry), 0)

    def _append(self, commit: Commit) -> Entry:
        if commit.log_end is not None:
            raise ConfigError(
                "DynamoDB can't hold an append to the end of the log, which is known only later: give each item of the "
                "condition's query a tag."
            )
        knowns = {stream: self._observed(stream, seen) for stream, seen in commit.expected.items()}
        if commit.command_id is not None:
            self._refuse_repeated(commit, commit.command_id)
        draft = self._drafts.draft(commit, knowns)
        lost = self._drafts.write(draft)
        if lost is not None:
            raise self._conflict(commit, *lost)
        self._learn(commit, draft)
        return draft.entry

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        """Commits of unrelated streams are under way at once, those of related ones one after the other.

        One stream's trouble is raised when all of them have ended.
        """
        answers: dict[int, Entry | Conflict] = {}
        try:
            self._append_lines(commits, lineages(commits), answers)
        finally:
            told = [self._answer(answers[place]) for place in sorted(answers)]  # what is written is, whatever failed
        return told

    def _append_lines(
        self, commits: Sequence[Commit], lines: Sequence[Sequence[int]], answers: dict[int, Entry | Conflict]
    ) -> None:
        if len(lines) == 1:
            self._append_line(commits, lines[0], answers)
        elif lines:
            from concurrent.futures import ThreadPoolExecutor  # for those who hand in many

            self._threads = self._threads or ThreadPoolExecutor(THREADS, "leftfold append")
            under_way = [self._threads.submit(self._append_line, commits, line, answers) for line in lines]
            for error in [done.exception() for done in under_way]:
                if error is not None:
                    raise error

    def _answer(self, answer: Entry | Conflict) -> Appended | Conflict:
        if isinstance(answer, Conflict):
            return answer
        self._appended(answer)
        return Appended(self.receipt(answer), 0)

    def _append_line(
        self, commits: Sequence[Commit], line: Sequence[int], answers: dict[int, Entry | Conflict]
    ) -> None:
        lost = set[str]()  # streams that a loser would have written: what builds on it loses too
        for place in line:
            commit = commits[place]
            try:
                for stream in lost.intersection(commit.expected):
                    known = self._memory.get(stream)
                    raise Conflict(stream, commit.expected[stream], known.end if known else 0)
                answers[place] = self._append(commit)
            except Conflict as conflict:
                lost.update(stream for event in commit.events for stream, _ in event.slots)
                answers[place] = conflict

    def _observed(self, stream: str, seen: int) -> Known:
        """What is known of a stream that a commit names, once it is sure that its end was seen at `seen`."""
        known = self._memory.get(stream)
        if known is None and seen == 0:
            return Known()  # the free slot itself says whether the stream is empty
        if known is None:
            self.last(stream)
        elif known.end < seen:
            self._fetch(stream, known.end, PAGE_EVENTS)
        known = self._memory.get(stream) or Known()
        if known.end != seen:
            raise Conflict(stream, seen, known.end)
        return known

    def _refuse_repeated(self, commit: Commit, command_id: str) -> None:
        """Raise Conflict for an id that one of the named streams has a commit of."""
        for stream, seen in commit.expected.items():
            if (seen or self._memory.get(stream) is not None) and self._found(command_id, stream) is not None:
                raise Conflict(stream, seen, seen)

    def _conflict(self, commit: Commit, stream: str, winner: Written | None) -> Conflict:
        """The stream that has moved on, and how far as this shows: the winner came with the refusal, for nothing."""
        if winner is not None:
            self._see(stream, [winner])
        known = self._memory.get(stream) or Known()
        return Conflict(stream, commit.expected.get(stream, 0), winner.last if winner else known.end)

    def _learn(self, commit: Commit, draft: Draft) -> None:
        entry = draft.entry
        for part in entry.parts:
            self._see(part.stream, [Written(part.first, part.last, entry, commit.command_id)])
        if commit.snapshot is not None:
            known = self._memory.get(commit.stream) or Known()
            kept = self._drafts.keep_snapshot(commit, known)
            self._memory.update(commit.stream, lambda known: setattr(known, "snapshot", kept))

    # reading

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return [stored for stored, _ in self.read_commits(stream, after, limit)]

    def read_commits(self, stream: str, after: int, limit: int) -> list[tuple[Stored, Entry]]:
        """As `read`, each event with the commit that it is of."""
        found: list[tuple[Stored, Entry]] = []
        fetched = self._fetch(stream, after, limit)
        for place, written in enumerate(fetched):
            events = in_stream(self._reader.events(written.entry), stream, after)
            found += [(stored, written.entry) for stored in events]
            if len(found) >= limit:
                cut = found[limit - 1][0].version
                self._keep_spare(stream, cut, fetched[place + (len(found) == limit) :])
                return found[:limit]
        return found

    def last(self, stream: str) -> Stored | None:
        for written in self._reader.commits(stream, backwards=True, Limit=4):
            self._see(stream, [written])
            return in_stream(self._reader.events(written.entry), stream, 0)[-1]
        self._see(stream, [])
        return None

    def load(self, stream: str, fingerprint: str) -> Start:
        """One backward page: what came after the snapshot, down to it."""
        after: list[Written] = []
        for place, item in enumerate(self._reader.items(stream, backwards=True, Limit=BACK_PAGE)):
            if is_commit(item):
                after.append(read_commit(item, self._reader.tenant))
            elif is_snapshot(item, fingerprint):
                snapshot = read_snapshot(item)
                self._memory.update(stream, partial(remembered, item=item))
                return Start(snapshot, self._start(stream, after[::-1], snapshot.version))
            if place + 1 == LOOK_BACK:
                return Start()
        return Start(None, self._start(stream, after[::-1], 0))

    def _start(self, stream: str, commits: Sequence[Written], after: int) -> list[Stored] | None:
        self._see(stream, commits, after=after)
        found = [one for written in commits for one in in_stream(self._reader.events(written.entry), stream, after)]
        return found if len(found) < PAGE_EVENTS else None

    def _fetch(self, stream: str, after: int, limit: int) -> list[Written]:
        """The commits that hold the next `limit` versions over `after`, and what else came with them."""
        found = self._spare.pop((stream, after), [])
        start = found[-1].last if found else self._commit_end(stream, after)
        taken, fetched, beside = found[-1].last - after if found else 0, list[Written](), list[Item]()
        if taken >= limit:
            return found
        for item in self._reader.items(stream, low=start, Limit=limit):
            if is_commit(item):
                fetched.append(read_commit(item, self._reader.tenant))
                if (taken := fetched[-1].last - after) >= limit:
                    break
            else:
                beside.append(item)
        self._see(stream, fetched, after=start, beside=beside)
        return found + fetched

    def _keep_spare(self, stream: str, after: int, commits: list[Written]) -> None:
        """A page that ends within a commit, or before others that came with it: the next one begins with these."""
        if commits:
            self._spare[stream, after] = commits
            while len(self._spare) > SPARE:
                self._spare.popitem(last=False)

    def _commit_end(self, stream: str, after: int) -> int:
        """The greatest version not over `after` where a commit ends: where to read on from."""
        known = self._memory.get(stream)
        if after == 0 or (known is not None and after in (known.end, known.prior)):
            return after
        for written in self._reader.commits(stream, high=f"{after}.9", backwards=True, Limit=4):
            return written.first - 1 if written.last > after else after
        return after

    # command ids

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        written = self._drafts.marked(command_id) if forever else None
        written = written or self._found(command_id, stream)
        if written is None:
            return None
        entry = written.entry
        events = tuple(Stored(0, 0, one.type, one.body) for one in self._reader.events(entry))
        return Found(self.receipt(entry), events)

    def _found(self, command_id: str, stream: str) -> Written | None:
        """The commit of this id in this stream, as far as the stream was read."""
        known = self._memory.get(stream)
        if known is None or (known.gap is not None and id_hash(command_id) not in known.ids):
            known = self._fill(stream, known)
        place = known.ids.get(id_hash(command_id))
        if place is None:
            return None
        written = self._reader.commit(stream, place)
        return written if written is not None and written.command_id == command_id else None

    def _fill(self, stream: str, known: Known | None) -> Known:
        """Look up the command ids that nobody here has seen yet; a snapshot on the way tells of those before it."""
        low, high = (known.gap or (0, 0)) if known else (0, 0)
        seen, beside = list[Written](), list[Item]()
        for item in self._reader.items(stream, low=low, high=f"{high}.9" if known else None, backwards=True):
            if is_commit(item):
                seen.append(read_commit(item, self._reader.tenant))
            else:
                beside.append(item)
                if is_complete(item):
                    break

        def fill(one: Known) -> None:
            for written in reversed(seen):
                one.commit(written.first, written.last, written.entry.time, written.command_id)
                if written.command_id is not None:
                    one.ids[id_hash(written.command_id)] = written.first
            for item in beside:
                remembered(one, item)
            if one.gap == (known.gap if known else None):
                one.gap = None

        return self._memory.update(stream, fill)

    # what is known of streams

    def _see(self, stream: str, commits: Sequence[Written], *, after: int = 0, beside: Sequence[Item] = ()) -> None:
        """Remember what was read. Nothing after some version says nothing of the versions before."""
        if not commits and after:
            return

        def see(known: Known) -> None:
            for one in commits:
                known.commit(one.first, one.last, one.entry.time, one.command_id)
            for item in beside:
                remembered(known, item)

        self._memory.update(stream, see)

    def receipt(self, entry: Entry) -> Receipt:
        return write_receipt(self._id, entry.parts[0].stream, entry.parts[0].first, entry.time)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
