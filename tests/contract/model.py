"""An event store as naive as can be: what the real ones are compared with."""

from collections.abc import Sequence

from msgspec import Struct

from leftfold.core.commits import Commit, Snapshot


class Event(Struct, frozen=True):
    type: str
    body: bytes
    streams: tuple[str, ...]


class Model:
    """One list of events. Everything else is looked up in it."""

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.commands: list[tuple[str, str, bool, int, int]] = []  # id, stream, forever, first and last position
        self.snapshots: dict[tuple[str, str], Snapshot] = {}

    def stream(self, name: str) -> list[tuple[int, Event]]:
        """(position, event) of a stream, in version order."""
        return [(position, event) for position, event in enumerate(self.log, 1) if name in event.streams]

    def refusals(self, commit: Commit) -> set[str]:
        """What speaks against the commit: streams that end elsewhere, the log's end, the command's id."""
        found = {name for name, seen in commit.expected.items() if len(self.stream(name)) != seen}
        if commit.log_end not in (None, len(self.log)):
            found.add("the log")
        if commit.command_id is not None:
            forever = commit.once == "forever"
            if any(self.find(commit.command_id, name, forever=False) for name in commit.expected) or (
                forever and any(id == commit.command_id and ever for id, _, ever, _, _ in self.commands)
            ):
                found.add("the command")
        return found

    def append(self, commit: Commit) -> int | None:
        """The last position, or None where something speaks against it."""
        if self.refusals(commit):
            return None
        first = len(self.log) + 1
        self.log += [Event(one.type, one.body, tuple(name for name, _ in one.slots)) for one in commit.events]
        if commit.command_id is not None:
            ever = commit.once == "forever"
            self.commands.append((commit.command_id, commit.stream, ever, first, len(self.log)))
        if commit.snapshot is not None:
            self.snapshots[commit.stream, commit.snapshot.fingerprint] = commit.snapshot
        return len(self.log)

    def append_all(self, commits: Sequence[Commit]) -> list[int | None]:
        """As many appends; whatever builds on a stream that a loser would have written loses too."""
        lost: set[str] = set()
        answers: list[int | None] = []
        for commit in commits:
            answer = None if lost & commit.expected.keys() else self.append(commit)
            if answer is None:
                lost |= {name for event in commit.events for name, _ in event.slots}
            answers.append(answer)
        return answers

    def find(self, command_id: str, stream: str, *, forever: bool) -> list[Event] | None:
        """What the id appended: anywhere, if it was to count forever and that is asked; else to this stream."""
        mine = [one for one in self.commands if one[0] == command_id]
        anywhere = [one for one in mine if one[2] and forever]
        here = [one for one in mine if one[1] == stream]
        for *_, first, last in anywhere or here:
            return self.log[first - 1 : last]
        return None
