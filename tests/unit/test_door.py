"""The door: what is let in reads back equal; what is not is refused with the field and the limit."""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from msgspec import Meta, Struct

from leftfold import NotEncodable, Rejected, TooLarge
from leftfold.codec.door import DEPTH, DIGITS, EVENT_BYTES, Door, problems


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Inner(Struct, frozen=True):
    value: Any = None


class Circle(Struct, frozen=True, tag=True):
    radius: float


class Square(Struct, frozen=True, tag=True):
    side: float


class Everything(Struct, frozen=True):
    text: str = ""
    whole: int = 0
    real: float = 0.0
    yes: bool = False
    raw: bytes = b""
    money: Decimal = Decimal(0)
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    day: date = date(2026, 1, 1)
    clock: time = time(1, 2)
    lasted: timedelta = timedelta(0)
    id: UUID = UUID(int=0)
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    size: Literal["s", "m"] = "s"
    items: list[int] = []
    pair: tuple[int, str] = (0, "")
    names: frozenset[str] = frozenset()
    table: dict[str, int] = {}
    inner: Inner | None = None
    shape: Circle | Square | None = None
    anything: Any = None


@dataclass(frozen=True)
class Data:
    n: int
    items: list[Inner] = field(default_factory=list)


class Plain(Struct, frozen=True, eq=False):
    n: int


class Row(Struct, frozen=True):
    rows: list[Any] = []


LOCAL = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "value",
    [
        Everything(),
        Everything("é🏦\0", 10**DIGITS - 1, -0.0, True, b"\0\xff", Decimal("1.10"), datetime(2026, 1, 1, tzinfo=LOCAL)),
        Everything(whole=-(10**DIGITS) + 1, money=Decimal("-1E+1000"), lasted=timedelta(days=-1, microseconds=1)),
        Everything(at=datetime(2026, 1, 1), real=5e-324, clock=time(1, 2, 3, 4)),  # noqa: DTZ001 - naive is kept naive
        Everything(
            items=[1, 2], pair=(1, "a"), names=frozenset("abc"), table={"": 1}, inner=Inner([{}]), shape=Square(1)
        ),
        Everything(id=UUID(int=2**128 - 1), real=1.7976931348623157e308, text="9" * 60),
        Data(1, [Inner(1)]),
        Plain(3),
        Row([[]] * 500),
    ],
)
def test_what_is_let_in_reads_back_equal(value: Any) -> None:
    door = Door(type(value))
    back = door.decode(door.encode(value))
    assert back == value or (isinstance(value, Plain) and back.n == value.n)
    assert type(back) is type(value)


def nested(depth: int, leaf: Any = 0) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def looped() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("value", "error", "named", "limit"),
    [
        pytest.param(Everything(real=math.nan), NotEncodable, "Everything.real", None, id="NaN"),
        pytest.param(Everything(real=-math.inf), NotEncodable, "Everything.real", None, id="infinity"),
        pytest.param(
            Everything(anything={"a": [math.nan]}), NotEncodable, "Everything.anything['a'][0]", None, id="deep NaN"
        ),
        pytest.param(Everything(whole=10**DIGITS), TooLarge, "Everything.whole", DIGITS, id="39 digits"),
        pytest.param(Everything(whole=-(10**DIGITS)), TooLarge, "Everything.whole", DIGITS, id="minus and 39 digits"),
        pytest.param(Everything(whole=10**5000), TooLarge, "Everything.whole", DIGITS, id="5,000 digits"),
        pytest.param(Everything(items=[1, 10**40]), TooLarge, "Everything.items[1]", DIGITS, id="digits in a list"),
        pytest.param(Everything(money=Decimal("1" * 39)), TooLarge, "Everything.money", DIGITS, id="a long Decimal"),
        pytest.param(Everything(money=Decimal("NaN")), TooLarge, "Everything.money", DIGITS, id="a Decimal NaN"),
        pytest.param(Everything(money=Decimal("sNaN")), TooLarge, "Everything.money", DIGITS, id="a signalling NaN"),
        pytest.param(
            Everything(money=Decimal("Infinity")), TooLarge, "Everything.money", DIGITS, id="a Decimal infinity"
        ),
        pytest.param(Everything(text="a\ud800"), NotEncodable, "Everything.text", None, id="a lone surrogate"),
        pytest.param(
            Everything(table={"\udfff": 1}), NotEncodable, r"Everything.table['\udfff'] (key)", None, id="in a key"
        ),
        pytest.param(Everything(inner=Inner("\ud800")), NotEncodable, "Everything.inner.value", None, id="in a record"),
        pytest.param(Data(1, [Inner(math.nan)]), NotEncodable, "Data.items[0].value", None, id="in a dataclass"),
        pytest.param(Inner(nested(DEPTH)), TooLarge, "Inner.value" + "[0]" * DEPTH, DEPTH, id="one too deep"),
        pytest.param(Inner(nested(10_000)), TooLarge, "Inner.value" + "[0]" * 63, DEPTH, id="10,000 deep"),
        pytest.param(Inner(looped()), TooLarge, "Inner.value" + "[0]" * 63, DEPTH, id="a list in itself"),
        pytest.param(Everything(text="x" * EVENT_BYTES), TooLarge, "Everything", EVENT_BYTES, id="too many bytes"),
        pytest.param(
            Everything(raw=b"x" * EVENT_BYTES), TooLarge, "Everything", EVENT_BYTES, id="too many bytes of bytes"
        ),
    ],
)
def test_what_would_not_is_refused_with_its_field_and_limit(
    value: Any, error: type[Rejected], named: str, limit: int | None
) -> None:
    with pytest.raises(error) as refused:
        Door(type(value)).encode(value)
    assert (refused.value.field[: len(named)], refused.value.limit) == (named[:200], limit)
    assert limit is None or f"{limit:,}" in str(refused.value)


def test_the_last_depth_and_the_last_byte_are_let_in() -> None:
    door = Door(Inner)
    assert door.decode(door.encode(Inner(nested(DEPTH - 1)))) == Inner(nested(DEPTH - 1))
    fits = Inner("x" * (EVENT_BYTES - len(b'{"value":""}')))
    assert len(door.encode(fits)) == EVENT_BYTES
    with pytest.raises(TooLarge):
        door.encode(Inner(f"{fits.value}x"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Everything(whole="1"), id="text for an int"),  # type: ignore[arg-type]
        pytest.param(Everything(whole=True), id="a bool for an int"),
        pytest.param(Everything(whole=1.5), id="a float for an int"),  # type: ignore[arg-type]
        pytest.param(Everything(text=None), id="None for text"),  # type: ignore[arg-type]
        pytest.param(Everything(size="xl"), id="none of the literals"),  # type: ignore[arg-type]
        pytest.param(Everything(anything=(1, 2)), id="a tuple that would come back as a list"),
        pytest.param(Everything(anything={1: "a"}), id="a key that would come back as text"),
        pytest.param(Everything(anything=b"raw"), id="bytes that would come back as text"),
        pytest.param(Everything(anything=Decimal(1)), id="a Decimal that would come back as text"),
        pytest.param(Everything(anything=object()), id="an object of no kind"),
        pytest.param(Everything(anything={1, 2}), id="a set that would come back as a list"),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(value: Any) -> None:
    with pytest.raises(NotEncodable, match="Everything"):
        Door(Everything).encode(value)


def test_a_class_whose_parts_can_not_be_told_apart_is_refused_before_any_event() -> None:
    class Meter(Struct):
        n: int

    class Yard(Struct):
        n: int

    class Length(Struct):
        of: Meter | Yard

    with pytest.raises(NotEncodable, match="Length can't be read back") as refused:
        Door(Length)
    assert refused.value.field == "Length"


def test_a_constraint_of_the_class_holds_at_the_door() -> None:
    class Bounded(Struct):
        n: Annotated[int, Meta(ge=0)]

    assert Door(Bounded).encode(Bounded(0)) == b'{"n":0}'
    with pytest.raises(NotEncodable, match=r"\$\.n"):
        Door(Bounded).encode(Bounded(-1))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**45), 10**45) | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_the_door_lets_in_what_reads_back_equal_and_nothing_else(value: Any) -> None:
    door = Door(Inner)
    try:
        data = door.encode(Inner(value))
    except Rejected:
        return
    assert door.decode(data) == Inner(value)
    assert repr(door.decode(data).value) == repr(value)
    assert not list(problems(Inner(value)))
