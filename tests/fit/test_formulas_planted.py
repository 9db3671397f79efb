"""Every number of every formula, and every price, is held by a case computed by hand: each is changed, and caught."""

from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from msgspec.structs import replace

from leftfold.fit.costs import (
    api,
    bills,
    cloudwatch,
    dynamodb,
    eventbridge,
    firehose,
    keys,
    kinesis,
    lambdas,
    queues,
    relational,
    s3,
    sizes,
    states,
)
from leftfold.fit.costs.prices import Prices, built_in
from tests.fit import (
    test_formulas_dynamodb,
    test_formulas_functions,
    test_formulas_relational,
    test_formulas_s3,
    test_formulas_streams,
)
from tests.fit.by_hand import Case

PARTS = (
    test_formulas_dynamodb,
    test_formulas_streams,
    test_formulas_functions,
    test_formulas_s3,
    test_formulas_relational,
)
CASES: tuple[Case, ...] = tuple(case for part in PARTS for case in part.CASES)
MODULES = (api, dynamodb, eventbridge, firehose, kinesis, lambdas, queues, relational, s3, states)
ELSEWHERE = {
    "dynamodb.UTILISATION": "a default",
    "kinesis.SHARD_BYTES_S": "of shards, which cost nothing by themselves",
    "kinesis.SHARD_RECORDS_S": "the same",
    "kinesis.SHARD_OUT_BYTES_S": "the same",
    "queues.BATCH": "a limit",
    "s3.LEAST_MOVED": "whether files move: tests/fit/test_alternatives.py",
}
"""What tests of their own hold, beside the cases."""


def caught(prices: Prices) -> list[str]:
    """The cases that a change breaks."""
    return [case.name for case in CASES if case.billed(prices) != pytest.approx(case.usd, rel=1e-9)]


def numbers(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        own = f"{module.__name__.rpartition('.')[2]}.{name}"
        if (
            name.isupper()
            and isinstance(value, int | float)
            and own not in ELSEWHERE
            and name not in ("KB", "MB", "GB")
        ):
            yield own, name


NUMBERS = [(module, name, own) for module in MODULES for own, name in numbers(module)]


def test_unchanged_every_case_holds(record_property: Callable[[str, object], None]) -> None:
    assert caught(built_in()) == []
    assert len({case.name for case in CASES}) == len(CASES)
    changed = f"{len(NUMBERS)} numbers and {len(built_in().listed)} prices"
    record_property("figure", f"formulas: {len(CASES)} cases by hand; {changed} changed one by one, each caught")


@pytest.mark.parametrize(("module", "name", "own"), NUMBERS, ids=[own for _, _, own in NUMBERS])
@pytest.mark.parametrize("factor", [2, 0.5])
def test_a_wrong_number_is_caught(
    module: ModuleType, name: str, own: str, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, getattr(module, name) * factor)
    assert caught(built_in()), own


@pytest.mark.parametrize("name", sorted(built_in().listed))
def test_every_price_is_of_some_formula(name: str) -> None:
    """A price that nothing counts with could be wrong for ever."""
    dearer = replace(built_in()[name], usd=built_in()[name].usd * 1.01)
    assert caught(replace(built_in(), listed=built_in().listed | {name: dearer}))


def test_a_gigabyte_of_ten_to_the_nine_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cloudwatch, dynamodb, firehose, kinesis, relational, s3):
        monkeypatch.setattr(module, "GB", 10**9)
    assert len(caught(built_in())) > 20


def test_rounding_down_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(size: float, step: float) -> int:
        return max(1, int(size // step))

    for module in (api, dynamodb, eventbridge, firehose, kinesis, lambdas, queues, states):
        monkeypatch.setattr(module, "steps", down)
    found = caught(built_in())
    assert len([name for name in found if "over" in name]) >= 8


def test_a_month_of_thirty_days_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (bills.HOURS_A_MONTH, bills.SECONDS_A_MONTH) == (730, 2_628_000)
    for module in (dynamodb, kinesis, relational):
        monkeypatch.setattr(module, "HOURS_A_MONTH", 720)
    assert len(caught(built_in())) > 20


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf")])
def test_a_size_that_is_none_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="is no size"):
        sizes.steps(size, 1024)


def test_no_formula_is_without_a_case() -> None:
    """A module that is added here comes with its cases."""
    lines = {case.name: case.run for case in CASES}
    used = {name for run in lines.values() for name in run.__code__.co_names}
    formulas = {
        name
        for module in (*MODULES, cloudwatch, keys)
        for name, found in vars(module).items()
        if callable(found) and getattr(found, "__module__", "") == module.__name__ and not isinstance(found, type)
    }
    bare = {"billed_days", "aggregated", "shards", "capacity", "instance", "gb_seconds"}  # they give no dollars
    assert formulas - used == bare
