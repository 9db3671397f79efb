"""D1: a reply that is lost after its write was applied is no conflict: nothing is doubled, nothing lost, nobody refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from leftfold.adapters.dynamodb import appending, layout
from leftfold.adapters.dynamodb.appending import Drafts, Write
from leftfold.adapters.dynamodb.calls import Cancelled, ConditionFailed
from leftfold.core.errors import LeftfoldError
from tests.dynamodb_reliability.opening import Opener
from tests.dynamodb_reliability.ticking import Broken, app, judge, tick, watched
from tests.testbed.faults import LOST, Faults

Figure = Callable[[str, object], None]

SESSIONS = 3
WRITES = ("PutItem", "TransactWriteItems")


def run(opener: Opener, appends: int, seed: int) -> tuple[int, int]:
    """Sessions in threads, each with commands of all kinds. Returns the events, and the replies that were lost."""
    faults = Faults(seed).rate(0.2, *LOST, on=WRITES)
    opener(app).close()
    opened = [watched(opener.backend(faults), f"own{number}") for number in range(SESSIONS)]

    def work(number: int) -> list[str]:
        with app.open(opened[number][0]) as session:
            return [tick(session, f"own{number}", at) for at in range(number, appends, SESSIONS)]

    with ThreadPoolExecutor(SESSIONS) as pool:
        names = [name for part in pool.map(work, range(SESSIONS)) for name in part]
    if conflicts := sum(store.conflicts for _, store in opened):
        raise Broken(f"{conflicts} conflicts over streams that have one writer")
    assert len(names) == appends
    return judge(opener(app), names), sum(faults.injected.values())


@pytest.mark.parametrize("appends", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_no_lost_reply_is_taken_for_a_lost_race(opener: Opener, appends: int, record_property: Figure) -> None:
    events, lost = run(opener, appends, seed=1)
    assert lost > appends * 0.15
    record_property(
        "figure", f"D1: {events} appends, {lost} replies lost after they were applied: 0 conflicts, 0 doubled, 0 lost"
    )


def blind_put(drafts: Drafts, write: Write) -> Any:
    """No look at who stands there."""
    try:
        drafts._reader.calls.call(
            "put_item",
            TableName=drafts._reader.tables.events,
            Item=write.item,
            ConditionExpression=appending.FREE,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return write.stream, drafts._winner(failed.found)
    return None


def blind_transaction(drafts: Drafts, draft: Any, cancelled: Cancelled) -> Any:
    lost = ((write, item) for write, (failed, item) in zip(draft.writes, cancelled.reasons, strict=True) if failed)
    write, item = next(lost)
    return write.stream, drafts._winner(item)


def test_the_control_without_own_write_detection_fails(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drafts, "_put", blind_put)
    with pytest.raises((Broken, LeftfoldError)):
        run(opener, 300, seed=1)


def believing_put(drafts: Drafts, write: Write) -> Any:
    """Whoever stands there, it was us."""
    try:
        return original_put(drafts, write) and None
    except ConditionFailed:
        return None


original_put = Drafts._put


def tokens_for_each_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new token for each sending: then only the look at the items tells."""
    original = Drafts.write

    def write(drafts: Drafts, draft: Any) -> Any:
        calls = drafts._reader.calls
        method = calls.client.transact_write_items

        def sent(**parameters: Any) -> Any:
            return method(**(parameters | {"ClientRequestToken": layout.os.urandom(8).hex()}))

        monkeypatch.setattr(calls.client, "transact_write_items", sent)
        try:
            return original(drafts, draft)
        finally:
            monkeypatch.setattr(calls.client, "transact_write_items", method)

    monkeypatch.setattr(Drafts, "write", write)


def test_a_transaction_recognises_itself_even_after_its_token_is_forgotten(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB remembers a token for ten minutes."""
    tokens_for_each_try(monkeypatch)
    events, lost = run(opener, 160, seed=2)
    assert (events, lost > 20) == (160, True)


def test_each_planted_bug_is_caught(opener: Opener, monkeypatch: pytest.MonkeyPatch, record_property: Figure) -> None:
    def transaction_blind(patch: pytest.MonkeyPatch) -> None:
        tokens_for_each_try(patch)
        patch.setattr(Drafts, "_loser", blind_transaction)

    bugs: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
        "single writes blind": lambda patch: patch.setattr(Drafts, "_put", blind_put),
        "transactions blind": transaction_blind,
        "every slot's holder is oneself": lambda patch: patch.setattr(Drafts, "_put", believing_put),
    }
    caught = 0
    for seed, (name, plant) in enumerate(bugs.items(), 3):
        with monkeypatch.context() as patch:
            plant(patch)
            try:
                run(opener, 200, seed)
            except (Broken, LeftfoldError):
                caught += 1
            else:
                pytest.fail(f"{name}: not caught")
        opener._aws.clear()
    record_property("figure", f"D1 teeth: {caught} of {len(bugs)} caught")
