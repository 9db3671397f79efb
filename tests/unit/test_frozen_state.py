"""Which states may be shared: those that nobody can change in place, whatever is inside them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest
from msgspec import Struct

from leftfold.core.state import fresh, is_frozen, is_frozen_type


class Kind(Enum):
    ONE = 1


class Plain(Struct, frozen=True):
    n: int = 0
    at: datetime | None = None
    kinds: tuple[Kind, ...] = ()


class Nested(Struct, frozen=True):
    plain: Plain = Plain()
    parent: Optional["Nested"] = None


class Open(Struct, frozen=True):
    value: Any = None
    names: list[str] = []


class Loose(Struct):
    n: int = 0


@dataclass(frozen=True)
class Data:
    n: int
    plain: Plain


@dataclass
class LooseData:
    n: int


class Holding(Struct, frozen=True):
    loose: Loose | None = None


@pytest.mark.parametrize(
    "state",
    [
        *(None, 1, 1.5, True, "a", b"a", Decimal(1), UUID(int=1), timedelta(1), datetime(2026, 1, 1, tzinfo=UTC)),
        *(Kind.ONE, (), (1, ("a",)), frozenset({1}), Plain(), Nested(Plain(1), Nested()), Data(1, Plain())),
        *(Open(1, ()), Holding()),
    ],
    ids=repr,
)
def test_what_nobody_can_change_is_shared(state: Any) -> None:
    assert is_frozen(state)
    assert fresh(state) is state


@pytest.mark.parametrize(
    "state",
    [[], {}, set(), bytearray(), Loose(), LooseData(1), (1, [2]), Open(), Open([1], ()), Holding(Loose()), object()],
    ids=lambda state: type(state).__name__,
)
def test_what_could_be_changed_is_copied(state: Any) -> None:
    assert not is_frozen(state)
    assert fresh(state) is not state


def test_a_copy_shares_nothing_that_could_change() -> None:
    first = Open({"a": [1]}, ["x"])
    second = fresh(first)
    second.value["a"].append(2)
    second.names.append("y")
    assert first == Open({"a": [1]}, ["x"])


@pytest.mark.parametrize(
    ("annotation", "frozen"),
    [
        (int | None, True),
        (Plain | Nested | Data, True),
        (tuple[str, ...], True),
        (tuple[Plain, int], True),
        (frozenset[str], True),
        (Literal["a", "b"], True),
        (Annotated[int, "cents"], True),
        (list[str], False),
        (dict[str, int] | None, False),
        (tuple[list[int], ...], False),
        (Open, False),
        (Loose, False),
        (LooseData, False),
        (Holding, False),
        (Any, False),
        (object, False),
    ],
)
def test_annotations_say_it_only_where_they_leave_no_doubt(annotation: Any, frozen: bool) -> None:
    assert is_frozen_type(annotation) is frozen
