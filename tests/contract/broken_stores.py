"""Stores with a bug each, for the judges to find."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from leftfold.adapters.memory import Memory
from leftfold.adapters.memory.store import MemoryStore
from leftfold.core.commits import Appended, Commit, Found, Framed, Start
from leftfold.core.errors import Conflict
from leftfold.core.events import Stored
from leftfold.ports.backend import Backend


def backend_of(store: MemoryStore) -> Backend:
    """A memory backend around this store."""
    return replace(Memory().open(), store=store, snapshots=store, log=store)


def written(commit: Commit) -> set[str]:
    return {name for event in commit.events for name, _ in event.slots}


class IgnoresGuards(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        own = {name: seen for name, seen in commit.expected.items() if name in written(commit)}
        return super().append(replace(commit, expected=own))


class IgnoresVersions(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        own = {name: seen for name, seen in commit.expected.items() if name not in written(commit)}
        return super().append(replace(commit, expected=own))


class AllowsToBeAhead(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        lower = {name: min(seen, len(self._streams[name])) for name, seen in commit.expected.items()}
        return super().append(replace(commit, expected=lower))


class IgnoresTheLogsEnd(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, log_end=None))


class ForgetsCommandIds(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, command_id=None))


class ForgetsThatOnceIsForever(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, once="stream"))


class TakesEveryIdForever(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, once="forever"))


class RemembersLosersIds(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        try:
            return super().append(commit)
        except Conflict:
            for name in self._remembered_as(commit):
                self._commands.setdefault(name, (1, 1))
            raise


class KeepsLosersSnapshots(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        if commit.snapshot is not None:
            self._snapshots[commit.stream, commit.snapshot.fingerprint] = commit.snapshot
        return super().append(commit)


class MixesUpSnapshots(MemoryStore):
    def load(self, stream: str, fingerprint: str) -> Start:
        return Start(next((one for (name, _), one in self._snapshots.items() if name == stream), None))


class WritesHalf(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        try:
            return super().append(commit)
        except Conflict:
            if len(commit.events) > 1:
                super().append(replace(commit, expected={}, command_id=None, events=commit.events[:1], log_end=None))
            raise


class KnowsThePrimaryStreamOnly(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, events=tuple(replace(e, slots=e.slots[:1]) for e in commit.events)))


class WritesAnEventOncePerStream(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        apart = tuple(Framed(e.type, (slot,), e.body) for e in commit.events for slot in e.slots)
        return super().append(replace(commit, events=apart))


class ReusesAPosition(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        answer = super().append(commit)
        self._log[-1] = replace(self._log[-1], position=max(1, len(self._log) - 1))
        return answer


class ReordersACommit(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(replace(commit, events=commit.events[::-1]))


class FoldsCase(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        events = tuple(replace(e, slots=tuple((n.lower(), v) for n, v in e.slots)) for e in commit.events)
        lower = {name.lower(): seen for name, seen in commit.expected.items()}
        return super().append(replace(commit, stream=commit.stream.lower(), expected=lower, events=events))

    def read(self, stream: str, **page: Any) -> list[Stored]:
        return super().read(stream.lower(), **page)

    def last(self, stream: str) -> Stored | None:
        return super().last(stream.lower())


class StripsBytes(MemoryStore):
    def append(self, commit: Commit) -> Appended:
        return super().append(
            replace(commit, events=tuple(replace(e, body=e.body.strip(b"\0 ")) for e in commit.events))
        )


class StopsAtTheFirstLoser(MemoryStore):
    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        answers: list[Appended | Conflict] = []
        for commit in commits:
            lost = any(isinstance(one, Conflict) for one in answers)
            answers.append(Conflict(commit.stream, 0, 0) if lost else self._attempt(commit, set()))
        return answers


class LetsBuildOnLosers(MemoryStore):
    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        return [self._attempt(commit, set()) for commit in commits]


class FindsTheNewest(MemoryStore):
    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        found = super().find(command_id, stream, forever=forever)
        return found and replace(found, events=tuple(self._log[-len(found.events) :]))


class FindsInAnyStream(MemoryStore):
    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        streams = [name for id, name in self._commands if id == command_id]
        return super().find(command_id, streams[0], forever=forever) if streams else None


class ReadsOneTooEarly(MemoryStore):
    def read(self, stream: str, *, after: int = 0, limit: int = 500) -> list[Stored]:
        return super().read(stream, after=max(0, after - 1), limit=limit)


class IgnoresTheLimit(MemoryStore):
    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        return super().page(after=after)


class SaysTheFirstIsTheLast(MemoryStore):
    def last(self, stream: str) -> Stored | None:
        return next(iter(super().read(stream)), None)


class SkipsAtThePagesEdge(MemoryStore):
    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        return super().page(after=after + (after > 2), limit=limit)


class EndsEarly(MemoryStore):
    def end(self) -> int:
        return max(0, super().end() - 1) if len(self._log) > 3 else super().end()


BUGS = [
    value for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, MemoryStore) and value is not MemoryStore
]  # fmt: skip
