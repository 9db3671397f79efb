"""What a test's clients asked of AWS, call by call: operation, parameters, units consumed, error, fault.

A refused write costs units too, which AWS reports to nobody: they aren't here.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

WRITES = ("Put", "Update", "Delete", "BatchWrite", "TransactWrite")


@dataclass(frozen=True, slots=True)
class Units:
    write: float = 0.0
    read: float = 0.0

    def __add__(self, other: Units) -> Units:
        return Units(self.write + other.write, self.read + other.read)


@dataclass(slots=True)
class Call:
    """One request as its client meant it, and what became of it."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    tables: dict[str, Units] = field(default_factory=dict)  # as the server reported, even when the reply was lost
    error: str | None = None  # the code, or the exception's name, that the client saw
    fault: str | None = None  # the kind that was injected
    status: int | None = None  # of the server's own reply; None: it never heard of this request
    refused: tuple[int, ...] = ()  # entries that were refused by order, each by itself: their places

    @property
    def units(self) -> Units:
        return sum(self.tables.values(), Units())

    @property
    def applied(self) -> bool:
        """The server did it, whatever the client was told."""
        return self.status is not None and self.status < 300


class Tally:
    """Some calls in the order they were sent, and their sums."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Tally: ...
    def __getitem__(self, index: int | slice) -> Call | Tally:
        return Tally(self._calls[index]) if isinstance(index, slice) else self._calls[index]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def of(self, *operations: str) -> Tally:
        return Tally([call for call in self._calls if call.operation in operations])

    @property
    def count(self) -> Counter[str]:
        """By operation."""
        return Counter(call.operation for call in self._calls)

    @property
    def errors(self) -> Counter[str]:
        return Counter(call.error for call in self._calls if call.error)

    @property
    def faults(self) -> Counter[str]:
        return Counter(call.fault for call in self._calls if call.fault)

    @property
    def units(self) -> Units:
        return sum((call.units for call in self._calls), Units())

    @property
    def write_units(self) -> float:
        return self.units.write

    @property
    def read_units(self) -> float:
        return self.units.read

    @property
    def tables(self) -> dict[str, Units]:
        """Units by table."""
        sums: dict[str, Units] = {}
        for call in self._calls:
            for table, units in call.tables.items():
                sums[table] = sums.get(table, Units()) + units
        return sums

    def __repr__(self) -> str:
        return f"Tally({dict(self.count)}, {self.write_units:g} WCU, {self.read_units:g} RCU, {dict(self.errors)})"


class Calls:
    """Every call of one test's clients, from any thread: `mark = calls.mark()`, work, `calls.since(mark)`."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def mark(self) -> int:
        with self._lock:
            return len(self._calls)

    def since(self, mark: int = 0) -> Tally:
        with self._lock:
            return Tally(self._calls[mark:])


def consumed(operation: str, body: bytes) -> dict[str, Units]:
    """The units by table that a DynamoDB reply tells of; none when it isn't one."""
    if b'"ConsumedCapacity"' not in body:
        return {}
    told = json.loads(body)["ConsumedCapacity"]
    tables: dict[str, Units] = {}
    for each in told if isinstance(told, list) else [told]:
        if "WriteCapacityUnits" in each or "ReadCapacityUnits" in each:
            units = Units(each.get("WriteCapacityUnits", 0.0), each.get("ReadCapacityUnits", 0.0))
        elif operation.startswith(WRITES):
            units = Units(write=each["CapacityUnits"])
        else:
            units = Units(read=each["CapacityUnits"])
        tables[each["TableName"]] = tables.get(each["TableName"], Units()) + units
    return tables
