"""Checkpoints and leases: one item a subscriber, so that a move is one write that checks the lease as well.

    x position, n revision, m when the position last rose, k the last move's nonce, y letters may stand up to here,
    l (or o, c) parked lanes; w owner, t token, u until, h the last lease write's nonce

A write whose reply was lost fails its condition when it is sent again: its nonce says that it was our own.
Leases go by the clock of whoever asks; a token fences, whatever clocks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from leftfold.adapters.dynamodb.calls import Calls, Cancelled, ConditionFailed, Item
from leftfold.adapters.dynamodb.foreign import ours
from leftfold.adapters.dynamodb.layout import TRANSACTION_ITEMS, Tables, named
from leftfold.adapters.dynamodb.letters import WAITING, DynamoDeadLetters, micros, moment
from leftfold.adapters.dynamodb.parked import ParkedLanes
from leftfold.adapters.dynamodb.writing import Write, conditional, new_nonce, number, text, transact, update
from leftfold.core.errors import Fenced, IntegrityError, StoreUnavailable
from leftfold.ports.checkpoints import DeadLetter, Lease, Move, Progress
from leftfold.ports.clock import Clock

__all__ = ["DynamoCheckpoints", "DynamoDeadLetters"]

LETTERS_A_STEP: Final = TRANSACTION_ITEMS - 10
MAX_RACES: Final = 20  # lost in a row: each means that somebody else has just written the same item

At = Item
"""A checkpoint as it was read, with its key."""


class DynamoCheckpoints:
    """Checkpoints. `standing`, `park` and `step` are the parts of a move, for rows that are written between them."""

    def __init__(self, calls: Calls, tables: Tables, tenant: str, clock: Clock) -> None:
        self._calls, self._table, self._clock = calls, tables.log, clock
        self._place = f"{tenant}|at"
        self._letters = DynamoDeadLetters(calls, tables, tenant, clock)
        self._parked = ParkedLanes(calls, tables, tenant)

    def load(self, subscriber: str) -> Progress:
        for _ in range(MAX_RACES):
            at = self._read(subscriber)
            with ours("checkpoint", at):
                lanes = self._parked.read(at)
                if lanes is not None:
                    moved_at = moment(count(at, "m")) if "m" in at else None
                    return Progress(count(at, "x"), count(at, "n"), lanes, moved_at)
        raise IntegrityError(f"the parked lanes of {subscriber!r} are incomplete: restore the log table.")

    def move(self, move: Move) -> None:
        if move.park or move.release:
            self.step(move, self.standing(move))
        else:
            self._advance(move, None)

    def standing(self, move: Move) -> At:
        """The checkpoint that this move starts from. Raises Fenced."""
        at = self._read(move.subscriber)
        _check(at, move)
        return at

    def park(self, move: Move, at: At) -> At:
        """Park the move's letters under the position that it starts from. Returns the checkpoint that this leaves."""
        left = self._not_yet_there(move, at)
        while left:
            at = self._transact(move, at, count(at, "x"), left[:LETTERS_A_STEP])
            left = left[LETTERS_A_STEP:]
        return at

    def park_most(self, move: Move, at: At) -> tuple[At, Move]:
        """Park what would be too much for the step that releases. Returns that step, and the checkpoint that it is from."""
        released = {(letter.lane, letter.position) for letter in move.release}
        first = tuple(letter for letter in move.park if (letter.lane, letter.position) not in released)
        if len(first) + len(move.release) <= LETTERS_A_STEP:
            return at, move
        left = tuple(letter for letter in move.park if letter not in first)
        return self.park(replace(move, park=first, release=()), at), replace(move, park=left)

    def step(self, move: Move, at: At, writes: Sequence[Write] = ()) -> None:
        """Move on from `at`, with these writes in the same transaction.

        Raises Fenced; TooLarge for writes and released letters that are too many for one. Letters that are only parked
        are never too many: those over the limit stand under the old position first, in steps of their own.
        """
        if not (move.park or move.release or writes):
            self._advance(move, at)
            return
        park = self._not_yet_there(move, at)
        if not (move.release or writes):
            while len(park) > LETTERS_A_STEP:
                part, park = park[:LETTERS_A_STEP], park[LETTERS_A_STEP:]
                at = self._transact(move, at, count(at, "x"), part)
        self._transact(move, at, move.position, park, writes)

    def acquire(self, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        at, hold = self._read(subscriber), new_nonce()
        for _ in range(MAX_RACES):
            now = self._clock.now()
            running, token = count(at, "u") > micros(now), count(at, "t")
            mine = "w" in at and at["w"]["S"] == owner
            if running and not mine:
                return None
            lease = Lease(subscriber, owner, token if running else token + 1, now + timedelta(seconds=ttl_s))
            try:
                self._calls.call("update_item", **self._leased(at, lease, hold))
            except ConditionFailed as failed:
                at = self._known(subscriber, failed.found)
                if "h" in at and at["h"]["S"] == hold:
                    return lease
            else:
                return lease
        raise _raced(subscriber)

    def release(self, lease: Lease) -> None:
        sets = {"u": number(micros(self._clock.now())), "h": text(new_nonce())}
        key, values = named(self._place, lease.subscriber), {":t": number(lease.token)}
        try:
            self._calls.call("update_item", **update(self._table, key, sets=sets, condition="t = :t", values=values))
        except ConditionFailed:
            return  # lost meanwhile

    def names(self) -> list[str]:
        items = self._calls.query(
            TableName=self._table,
            KeyConditionExpression="p = :p",
            FilterExpression="attribute_exists(n)",
            ExpressionAttributeValues={":p": text(self._place)},
            ProjectionExpression="s",
            ConsistentRead=True,
        )
        return [item["s"]["S"] for item in items]

    def forget(self, subscriber: str) -> None:
        """Remove progress and letters. Whoever still holds the lease will find its token gone."""
        for _ in range(MAX_RACES):
            at = self._read(subscriber)
            if not at.keys() - {"p", "s"} or self._cleared(at):
                break
        else:
            raise _raced(subscriber)
        self._letters.clear(subscriber)
        self._parked.clear(subscriber)

    def _read(self, subscriber: str) -> At:
        key = named(self._place, subscriber)
        answer = self._calls.call("get_item", TableName=self._table, Key=key, ConsistentRead=True)
        return self._known(subscriber, answer.get("Item"))

    def _known(self, subscriber: str, item: Item | None) -> At:
        return item or named(self._place, subscriber)

    def _advance(self, move: Move, at: At | None) -> None:
        """One conditional write. Without a look before it, at first for a position that rises, as nearly all do."""
        nonce = new_nonce()
        for _ in range(2):
            try:
                self._calls.call("update_item", **self._moved(move, at, move.position, nonce))
            except ConditionFailed as failed:
                at = self._known(move.subscriber, failed.found)
                if _is_from(at, nonce):
                    return
                _check(at, move)
            else:
                return
        raise _overtaken(move)

    def _moved(self, move: Move, at: At | None, position: int, nonce: str, lanes: Item | None = None) -> dict[str, Any]:
        """The update that moves on from `at`; from whatever is under this position where that is None."""
        revision = move.revision if at is None else count(at, "n")
        sets: Item = {"x": number(position), "n": number(revision + 1), "k": text(nonce)}
        condition, values = "attribute_not_exists(n)", dict[str, Any]()
        if revision:
            condition, values = "n = :n", {":n": number(revision)}
        if move.token is not None:
            condition += " AND t = :t"
            values[":t"] = number(move.token)
        if at is None:
            condition += " AND (attribute_not_exists(x) OR x < :x)"
            values[":x"] = number(position)
        if at is None or position > count(at, "x"):
            sets["m"] = number(micros(self._clock.now()))
        removes: list[str] = []
        if lanes is not None:
            sets |= lanes
            removes = [name for name in ParkedLanes.ATTRIBUTES if name not in lanes]
        key = named(self._place, move.subscriber)
        return update(self._table, key, sets=sets, removes=removes, condition=condition, values=values)

    def _transact(
        self, move: Move, at: At, position: int, park: Sequence[DeadLetter], writes: Sequence[Write] = ()
    ) -> At:
        """A step with letters. Returns the checkpoint that it leaves."""
        nonce = new_nonce()
        lanes = self._lanes_after(move, at, park)
        stored = self._parked.store(move.subscriber, lanes, nonce)
        highest = max((letter.position for letter in park), default=0)
        stored_also = {"y": number(max(highest, count(at, "y")))} if highest > position else {}
        changed = self._moved(move, at, position, nonce, stored | stored_also)
        try:
            transact(self._calls, [{"Update": changed}, *self._letters.writes(park, move.release), *writes], nonce)
        except Cancelled as cancelled:
            now = self._known(move.subscriber, cancelled.reasons[0][1])
            if not _is_from(now, nonce):
                if now.get("o") != stored.get("o"):  # it may have been ours, and others have moved on from it
                    self._parked.discard(named(self._place, move.subscriber) | stored)
                if cancelled.reasons[0][0]:
                    _check(now, move)
                raise _overtaken(move) from None
        self._parked.discard(at)
        after = {name: value for name, value in at.items() if name not in ParkedLanes.ATTRIBUTES}
        return after | stored | stored_also | {"x": number(position), "n": number(count(at, "n") + 1)}

    def _lanes_after(self, move: Move, at: At, park: Sequence[DeadLetter]) -> dict[str, int]:
        """The parked lanes, each with its first position. For a lane that loses letters the next one is looked up."""
        lanes = self._parked.read(at)
        if lanes is None:
            raise _overtaken(move)
        given_up = [letter for letter in park if letter.kind not in WAITING]
        gone = {(letter.lane, letter.position) for letter in (*move.release, *given_up)}
        loses = {lane for lane, _ in gone if lane in lanes}
        if loses:
            start = min(lanes[lane] for lane in loses)
            found = self._letters.firsts(move.subscriber, loses, start, gone)
            lanes = {
                lane: found.get(lane, first) for lane, first in lanes.items() if lane in found or lane not in loses
            }
        for letter in park:
            if letter.kind in WAITING:
                lanes[letter.lane] = min(lanes.get(letter.lane, letter.position), letter.position)
        return lanes

    def _not_yet_there(self, move: Move, at: At) -> tuple[DeadLetter, ...]:
        """What a step that was interrupted has parked over the position already stays as it is, poison or given up."""
        if not move.park or count(at, "y") <= count(at, "x"):
            return move.park
        released = {(letter.lane, letter.position) for letter in move.release}
        there = self._letters.since(move.subscriber, count(at, "x")).keys() - released
        return tuple(letter for letter in move.park if (letter.lane, letter.position) not in there)

    def _leased(self, at: At, lease: Lease, hold: str) -> dict[str, Any]:
        """The update that writes a lease over the one that was read."""
        sets: Item = {"w": text(lease.owner), "t": number(lease.token), "h": text(hold)}
        sets["u"] = number(micros(lease.until))
        key, condition, values = named(self._place, lease.subscriber), "attribute_not_exists(h)", dict[str, Any]()
        if "h" in at:
            condition, values = "h = :h", {":h": at["h"]}
        return update(self._table, key, sets=sets, condition=condition, values=values)

    def _cleared(self, at: At) -> bool:
        """Remove the progress, and let the lease's next token be another one. False when somebody else was there first."""
        key = named(at["p"]["S"], at["s"]["S"])
        try:
            if "t" not in at:
                self._calls.call(
                    "delete_item", TableName=self._table, Key=key, **conditional("attribute_not_exists(t)")
                )
                return True
            sets: Item = {"t": number(count(at, "t") + 1), "u": number(0), "h": text(new_nonce())}
            removes = ["x", "n", "m", "k", "y", *ParkedLanes.ATTRIBUTES]
            condition, values = "h = :h", {":h": at["h"]}
            changed = update(self._table, key, sets=sets, removes=removes, condition=condition, values=values)
            self._calls.call("update_item", **changed)
        except ConditionFailed:
            return False
        return True


def count(item: Item, name: str) -> int:
    """A number of an item, 0 where it has none."""
    return int(item[name]["N"]) if name in item else 0


def _is_from(at: At, nonce: str) -> bool:
    return "k" in at and at["k"]["S"] == nonce


def _check(at: At, move: Move) -> None:
    if move.token is not None and count(at, "t") != move.token:
        raise Fenced(f"the lease on {move.subscriber!r} was taken over: this worker stops.")
    if count(at, "n") != move.revision:
        raise _overtaken(move)


def _overtaken(move: Move) -> Fenced:
    return Fenced(f"{move.subscriber!r} was moved by somebody else: read its progress again.")


def _raced(subscriber: str) -> StoreUnavailable:
    return StoreUnavailable(f"{subscriber!r} is written by too many at once ({MAX_RACES} races lost): try again.")
