"""Many commands at once: for imports and ingest. Decided one by one, made durable together.

Each command is still a commit of its own, under its own id. What can't be settled in the batch (a refusal, a lost race,
an id that was used before) takes the ordinary path, in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

from msgspec import Struct

from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Commit, Found, Outcome
from leftfold.core.errors import Conflict, LeftfoldError, Rejected
from leftfold.core.state import Folded
from leftfold.handling.decide import Decide, Deciding, Place, Request

S = TypeVar("S")
E = TypeVar("E")

BATCH_COMMANDS: Final = 500  # one transaction: enough to share an fsync, few enough to lose little work to a crash


class Asked(Struct, Generic[S, E], gc=False):
    """One command at the door, with the user's decision and placing already bound to it."""

    request: Request
    decide: Decide[S, E]
    place: Place[E]


class Draft(Struct, Generic[S, E], gc=False):
    """A command that was decided, and waits for its batch."""

    asked: Asked[S, E]
    commit: Commit
    events: tuple[E, ...]
    after: Folded[S]


class Batch(Generic[S, E]):
    """One transaction's worth of commands for one decider."""

    def __init__(self, deciding: Deciding[S, E]) -> None:
        self._deciding, self._store = deciding, deciding.store
        self._states: dict[tuple[str, ...], Folded[S]] = {}
        self._drafts: list[Draft[S, E]] = []
        self._rerun: bool | None = None

    def handle(self, asked: Sequence[Asked[S, E] | Failed]) -> Iterator[Outcome[S, E] | Exception]:
        """One answer a command, in order: its outcome, or what the domain or the door refused it with.

        Raises what is nobody's refusal (StoreUnavailable, Contention, ConfigError...): what was not answered by then
        may be asked again.
        """
        for one in asked:
            draft = one if isinstance(one, Failed) else attempt(self._draft, one)
            if isinstance(draft, Draft):
                self._drafts.append(draft)
                self._states[draft.asked.request.streams] = draft.after
            else:
                yield from self.flush()
                yield self._settled(one, draft)
        yield from self.flush()

    def flush(self) -> Iterator[Outcome[S, E] | Exception]:
        """Append what was drafted, and answer it."""
        drafts, self._drafts, self._states = self._drafts, [], {}
        answers = self._store.append_all([draft.commit for draft in drafts]) if drafts else []
        for draft, answer in zip(drafts, answers, strict=True):
            if isinstance(answer, Conflict):
                yield self._ordinary(draft.asked)
            else:
                streams, after = draft.asked.request.streams, draft.after
                self._deciding.loader.keep(streams, after)
                yield Outcome(after.state, draft.events, after.seen[streams[0]], answer.receipt)

    def _settled(self, one: Asked[S, E] | Failed, draft: Outcome[S, E] | Failed | None) -> Outcome[S, E] | Exception:
        """The answer to a command that needs no append of this batch."""
        if isinstance(one, Failed):
            return one.error
        return draft if isinstance(draft, Outcome) else self._ordinary(one)

    def _draft(self, asked: Asked[S, E]) -> Draft[S, E] | Outcome[S, E] | None:
        """The command's commit, or its first outcome; None when only the ordinary path can say what becomes of it."""
        request = asked.request
        folded = self._states.get(request.streams) or self._first(request)
        if isinstance(folded, Found):
            return self._deciding.repeat(request.streams, folded)
        decided = asked.decide(folded.state) if folded is not None else None
        if folded is None or not decided:
            return None
        request.check()
        events = tuple(decided)
        commit, after = self._deciding.draft(request, folded, events, asked.place)
        return Draft(asked, commit, events, after)

    def _first(self, request: Request) -> Folded[S] | Found | None:
        """The state for a stream's first command in this batch, or what that command did when it was handled before.

        A batch whose first command is known is a rerun, and each of its ids is looked up. Otherwise all are taken to be
        new: an id that isn't loses its append, and is recognised on the ordinary path.
        """
        if request.expected != "any":
            return None
        if self._rerun is not False and request.command_id is not None:
            found = self._store.find(request.command_id, request.streams[0], forever=request.once == "forever")
            self._rerun = self._rerun or found is not None
            if found is not None:
                return found
        return self._deciding.loader.cached(request.streams) or self._deciding.loader.load(request.streams)

    def _ordinary(self, asked: Asked[S, E]) -> Outcome[S, E] | Exception:
        answer = attempt(self._deciding.handle, asked.request, asked.decide, asked.place)
        if not isinstance(answer, Failed):
            return answer
        if isinstance(answer.error, LeftfoldError) and not isinstance(answer.error, Rejected):
            raise answer.error
        return answer.error
