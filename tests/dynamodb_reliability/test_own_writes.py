"""What a store must recognise in the rarest orders: its own transaction half hidden by another, and whose command it was."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.adapters.dynamodb.appending import Draft, Drafts
from leftfold.adapters.dynamodb.calls import Calls, Cancelled
from leftfold.adapters.dynamodb.store import DynamoStore
from leftfold.core.commits import Commit
from leftfold.core.errors import Conflict
from leftfold.core.events import Slot
from leftfold.testing.contracts.base import framed
from tests.dynamodb_reliability.opening import Opener
from tests.testbed.faults import LOST_CLOSED, Faults

ONE, OTHER = "pair/one", "pair/other"


def commit(seen: dict[str, int], *slots: Slot, command_id: str | None = None) -> Commit:
    """A commit of the stream ONE."""
    return Commit(ONE, seen, tuple(framed(slot) for slot in slots), command_id)


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_transaction_knows_itself_by_any_of_its_parts(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, hidden: int
) -> None:
    assert half_hidden(opener, monkeypatch, hidden) == [1, 1]


def test_one_that_looks_at_its_first_part_only_takes_itself_for_another(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    loser = Drafts._loser

    def narrowly(drafts: Drafts, draft: Draft, cancelled: Cancelled) -> Any:
        return loser(drafts, replace(draft, entry=replace(draft.entry, parts=draft.entry.parts[:1])), cancelled)

    monkeypatch.setattr(Drafts, "_loser", narrowly)
    with pytest.raises(Conflict):
        half_hidden(opener, monkeypatch, hidden=0)


def half_hidden(opener: Opener, monkeypatch: pytest.MonkeyPatch, hidden: int) -> list[int]:
    """Sent again without its token, while another transaction is busy with one of its items: only the other part tells."""
    opener.backend()
    send = Calls.call

    def sent(self: Calls, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "transact_write_items":
            return send(self, operation, **parameters)
        send(self, operation, **parameters)
        try:
            return send(self, operation, **(parameters | {"ClientRequestToken": "forgotten"}))
        except Cancelled as cancelled:
            reasons = list(cancelled.reasons)
            reasons[hidden] = (False, None)
            raise Cancelled(reasons) from None

    store = opener.backend().store
    with monkeypatch.context() as patch:
        patch.setattr(Calls, "call", sent)
        store.append(commit({ONE: 0, OTHER: 0}, (ONE, 1), (OTHER, 1)))
    return [len(store.read(stream)) for stream in (ONE, OTHER)]


def test_the_same_command_from_two_processes_is_not_ones_own(opener: Opener) -> None:
    """Both made the same commit of the same bytes at the same version: one of them wrote it."""
    opener.backend()
    one, other = opener.backend(Faults().script("PutItem", LOST_CLOSED)), opener.backend()
    same = commit({ONE: 0}, (ONE, 1), command_id="x")
    one.store.append(same)
    with pytest.raises(Conflict):
        other.store.append(same)
    found = other.store.find("x", ONE, forever=False)
    assert found is not None
    assert len(found.events) == 1


def decided_otherwise(opener: Opener) -> DynamoStore:
    """What another process handled as x, this one has read; handled here again, x calls for an event elsewhere."""
    opener.backend()
    theirs, ours = opener.backend().store, opener.backend().store
    theirs.append(commit({ONE: 0}, (ONE, 1)))
    assert len(ours.read(ONE)) == 1
    theirs.append(Commit(OTHER, {ONE: 1, OTHER: 0}, (framed((OTHER, 1)),), "x"))
    assert len(ours.read(OTHER)) == 1
    ours.append(commit({ONE: 1}, (ONE, 2)))
    assert isinstance(ours, DynamoStore)
    return ours


AGAIN = commit({ONE: 2, OTHER: 1}, (ONE, 3), command_id="x")


def test_a_command_is_known_by_what_it_wrote_whatever_it_would_write_now(opener: Opener) -> None:
    store = decided_otherwise(opener)
    with pytest.raises(Conflict):
        store.append(AGAIN)
    assert [len(store.read(stream)) for stream in (ONE, OTHER)] == [2, 1]
    found = store.find("x", OTHER, forever=False)
    assert found is not None
    assert len(found.events) == 1


def test_a_look_at_the_commits_own_stream_alone_would_double_it(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = DynamoStore._refuse_repeated

    def narrowly(store: DynamoStore, commit: Commit, command_id: str) -> None:
        refuse(store, replace(commit, expected={commit.stream: commit.expected[commit.stream]}), command_id)

    monkeypatch.setattr(DynamoStore, "_refuse_repeated", narrowly)
    store = decided_otherwise(opener)
    store.append(AGAIN)
    assert [len(store.read(stream)) for stream in (ONE, OTHER)] == [3, 1]
