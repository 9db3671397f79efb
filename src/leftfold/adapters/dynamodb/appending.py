"""Appending: a commit becomes one conditional write, or one transaction where several streams or guards are in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from leftfold.adapters.dynamodb.calls import Cancelled, ConditionFailed, Item
from leftfold.adapters.dynamodb.known import Known
from leftfold.adapters.dynamodb.layout import (
    INLINE_BYTES,
    TRANSACTION_BYTES,
    TRANSACTION_ITEMS,
    Content,
    Written,
    commit_items,
    is_commit,
    key,
    pack,
    read_commit,
    size,
    squeeze,
)
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.sequencing import Entry, Part
from leftfold.adapters.dynamodb.snapshots import microseconds, snapshot_item
from leftfold.core.commits import Commit
from leftfold.core.errors import StoreUnavailable, TooLarge
from leftfold.ports.clock import Clock

FREE = "attribute_not_exists(p)"


class Write(Struct, frozen=True):
    """One condition of a commit: this slot of the stream is free. `item` is what takes it; None for a guard."""

    stream: str
    where: Item
    item: Item | None


class Draft(Struct, frozen=True):
    """A commit ready to be written. The items of its streams come first, primary first."""

    entry: Entry
    writes: tuple[Write, ...]


class Drafts:
    """Makes and writes drafts."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock

    def draft(self, commit: Commit, knowns: Mapping[str, Known]) -> Draft:
        """The writes that a commit calls for. Raises TooLarge. A body too large for an item is stored here."""
        entry = self._entry(commit, knowns)
        body = pack(entry.events.events, entry.parts)
        stored_as = self._stored(body, len(entry.parts))
        items = commit_items(self._reader.tenant, entry, commit.command_id, body, stored_as=stored_as)
        writes = [Write(part.stream, item, item) for part, item in zip(entry.parts, items, strict=True)]
        written = {part.stream for part in entry.parts}
        for stream, seen in commit.expected.items():
            if stream not in written:
                writes.append(Write(stream, key(self._reader.partition(stream), seen + 1), None))
        writes += self._marker(commit, entry)
        if len(writes) > TRANSACTION_ITEMS:
            raise TooLarge(
                f"a commit over {len(writes)} streams and guards; DynamoDB holds {TRANSACTION_ITEMS} in one: "
                "decide over fewer.",
                field="streams",
                limit=TRANSACTION_ITEMS,
            )
        return Draft(entry, tuple(writes))

    def write(self, draft: Draft) -> tuple[str, Written | None] | None:
        """Write all of it, or nothing. None when it is written; else the stream that was first, and who took the slot.

        A lost reply is no conflict: whoever stands in the slot is compared with what was sent, to the last byte.
        """
        if len(draft.writes) == 1 and draft.writes[0].item is not None:
            return self._put(draft.writes[0])
        try:
            self._reader.calls.call(
                "transact_write_items",
                TransactItems=[self._action(one) for one in draft.writes],
                ClientRequestToken=uuid.uuid4().hex,
            )
        except Cancelled as cancelled:
            return self._loser(draft, cancelled)
        return None

    def marked(self, command_id: str) -> Written | None:
        """The commit that this id made under once="forever"."""
        found = self._reader.item(self._once(command_id))
        return None if found is None else self._reader.commit(found["w"]["S"], int(found["v"]["N"]))

    def keep_snapshot(self, commit: Commit, known: Known) -> str | None:
        """Store the commit's snapshot, and remove the one before. Returns its sort key; losing it loses only time."""
        assert commit.snapshot is not None
        calls, table = self._reader.calls, self._reader.tables.events
        item = snapshot_item(self._reader.partition(commit.stream), commit.snapshot, known)
        if size(item) > INLINE_BYTES:
            return known.snapshot
        try:
            calls.call("put_item", TableName=table, Item=item)
            if known.snapshot not in (None, item["s"]["N"]):
                calls.call("delete_item", TableName=table, Key=key(item["p"]["S"], str(known.snapshot)))
        except StoreUnavailable:
            return known.snapshot
        return str(item["s"]["N"])

    def _entry(self, commit: Commit, knowns: Mapping[str, Known]) -> Entry:
        counts: dict[str, int] = {}
        for event in commit.events:
            for stream, _ in event.slots:
                counts[stream] = counts.get(stream, 0) + 1
        parts = tuple(
            Part(stream, commit.expected[stream] + 1, count, knowns[stream].time) for stream, count in counts.items()
        )
        latest = max(known.time for known in knowns.values())
        time = max(microseconds(self._clock.now()), latest + 1)
        return Entry(parts, time, Content(commit.events, len(commit.events)))

    def _stored(self, body: bytes, copies: int) -> str | None:
        """Where the body is, when an item of its own can't hold it or a transaction can't hold them all."""
        length = len(body) if len(body) <= INLINE_BYTES else len(squeeze(body))
        if length <= INLINE_BYTES and length * copies < TRANSACTION_BYTES * 3 // 4:
            return None
        if self._reader.objects is None:
            raise TooLarge(
                f"the commit's events are {length:,} bytes in {copies} streams; without an object store the limit is "
                f"{INLINE_BYTES:,} a stream, {TRANSACTION_BYTES * 3 // 4:,} in all. Record fewer at once, or add "
                "objects=s3:BUCKET to the URL.",
                field="commit",
                limit=INLINE_BYTES,
            )
        return self._reader.put_body(body)

    def _marker(self, commit: Commit, entry: Entry) -> list[Write]:
        """What is written beside a commit whose command id counts forever."""
        if commit.command_id is None or commit.once != "forever":
            return []
        where = self._once(commit.command_id)
        points = {"w": {"S": entry.parts[0].stream}, "v": {"N": str(entry.parts[0].first)}}
        return [Write(commit.stream, where, where | points)]

    def _once(self, command_id: str) -> Item:
        return key(self._reader.partition(f"$once/{command_id}"), 0)

    def _put(self, write: Write) -> tuple[str, Written | None] | None:
        try:
            self._reader.calls.call(
                "put_item",
                TableName=self._reader.tables.events,
                Item=write.item,
                ConditionExpression=FREE,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            found = failed.found or self._reader.item(key(write.where["p"]["S"], write.where["s"]["N"]))
            return None if found == write.item else (write.stream, self._winner(found))
        return None

    def _action(self, write: Write) -> dict[str, Any]:
        condition = {
            "TableName": self._reader.tables.events,
            "ConditionExpression": FREE,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if write.item is None:
            return {"ConditionCheck": condition | {"Key": write.where}}
        return {"Put": condition | {"Item": write.item}}

    def _loser(self, draft: Draft, cancelled: Cancelled) -> tuple[str, Written | None] | None:
        """Who was first. Nobody, where a slot holds our own item: all of it stands there, only the reply was lost."""
        sent = list(zip(draft.writes, cancelled.reasons, strict=True))
        if any(found == (True, write.item) for write, found in sent[: len(draft.entry.parts)]):
            return None
        write, (_, item) = next(one for one in sent if one[1][0])
        return write.stream, self._winner(item)

    def _winner(self, item: Item | None) -> Written | None:
        return read_commit(item, self._reader.tenant) if item is not None and is_commit(item) else None
