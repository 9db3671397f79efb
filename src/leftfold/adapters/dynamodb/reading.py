"""Reading the events table: commits of a stream, forwards and backwards, through every page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.layout import Content, Tables, Written, is_commit, key, read_commit, unpack
from leftfold.adapters.dynamodb.sequencing import Entry
from leftfold.core.commits import Framed
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.ports.objects import Objects


class Reader:
    """The events table of one tenant. Every read is consistent: decisions and the log's order rest on it."""

    def __init__(self, calls: Calls, tables: Tables, tenant: str, objects: Objects | None) -> None:
        self.calls, self.tables, self.tenant, self.objects = calls, tables, tenant, objects

    def items(
        self, stream: str, *, low: str | int = 0, high: str | int | None = None, backwards: bool = False, **more: Any
    ) -> Iterator[Item]:
        """What stands in a stream's partition at `low` < s, or `low` < s < `high`, in order: commits and what is beside."""
        values: Item = {":p": {"S": self.partition(stream)}, ":l": {"N": str(low)}}
        condition = "p = :p AND s > :l"
        if high is not None:  # a key condition allows one range, ends included: both ends are taken off below
            values[":h"] = {"N": str(high)}
            condition = "p = :p AND s BETWEEN :l AND :h"
        found = self.calls.query(
            TableName=self.tables.events,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=not backwards,
            ConsistentRead=True,
            **more,
        )
        ends = {str(low), str(high)} if high is not None else set[str]()
        return (item for item in found if item["s"]["N"] not in ends)

    def commits(self, stream: str, **span: Any) -> Iterator[Written]:
        """The commits in such a span."""
        return (read_commit(item, self.tenant) for item in self.items(stream, **span) if is_commit(item))

    def commit(self, stream: str, first: int) -> Written | None:
        """The commit that begins at this version."""
        found = self.item(key(self.partition(stream), first))
        return None if found is None else read_commit(found, self.tenant)

    def item(self, where: Item) -> Item | None:
        return self.calls.call("get_item", TableName=self.tables.events, Key=where, ConsistentRead=True).get("Item")

    def partition(self, stream: str) -> str:
        return f"{self.tenant}|{stream}"

    def events(self, entry: Entry) -> tuple[Framed, ...]:
        """The commit's events, fetched from the object store when they stand there."""
        content: Content = entry.events
        if content.events is not None:
            return content.events
        return unpack(self._fetch(content.object), entry.parts)

    def put_body(self, body: bytes) -> str:
        """Store a large body. Its name is its digest: written again it is the same object."""
        if self.objects is None:
            raise ConfigError("no object store: add objects= to the URL.")
        name = f"bodies/{self.tenant or '_'}/{sha256(body).hexdigest()}"
        self.objects.put(name, body)
        return name

    def _fetch(self, name: str) -> bytes:
        if self.objects is None:
            raise ConfigError(
                f"a commit's body is in the object {name}, and no object store is known here: add objects= to the URL, "
                "as it was when that was written."
            )
        data = self.objects.get(name)
        if sha256(data).hexdigest() != name.rpartition("/")[2]:
            raise IntegrityError(f"the object {name} is not what leftfold wrote: restore it from a backup.")
        return data

    # what the sequencer looks up

    def between(self, stream: str, after_version: int, before_version: int) -> Sequence[Entry]:
        """The stream's commits whose first version is over the one and under the other."""
        return [one.entry for one in self.commits(stream, low=after_version, high=before_version)]

    def since(self, stream: str, before_version: int, time: int) -> Sequence[Entry]:
        """The stream's commits under this version, from the end backwards for as long as their time is over `time`."""
        found: list[Entry] = []
        for one in self.commits(stream, low=0, high=before_version, backwards=True):
            if one.entry.time <= time:
                break
            found.append(one.entry)
        return found[::-1]
