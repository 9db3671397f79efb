"""Break-even points: where bills cross, found also where costs step, and none where they don't."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from leftfold.fit.advice import BreakEven
from leftfold.fit.advising import rivals
from leftfold.fit.costs import breakeven
from leftfold.fit.costs.alternatives import ALTERNATIVES, BY_ID, Alternative
from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.breakeven import Loads, crossings
from leftfold.fit.costs.prices import Prices, built_in
from leftfold.fit.costs.workload import Workload
from leftfold.fit.judgement import TITLES, Verdict
from leftfold.fit.judging import judge
from leftfold.fit.reading import read
from tests.fit.loads import load

PRICES = built_in()


def costs(name: str, usd: Callable[[float], float]) -> Alternative:
    """An alternative that costs so much at so many commands a second."""

    def lines(workload: Workload, prices: Prices, month: int) -> list[Line]:
        return [Line("S3", "all", 1.0, "all", "s3.put", usd(workload.commands_s))]

    return Alternative(name, name, "plain", lines)


def found(one: Callable[[float], float], other: Callable[[float], float], commands_s: float = 1.0) -> list[BreakEven]:
    loads = Loads(replace(load(), commands_s=commands_s), PRICES, 12)
    return [*loads.break_evens(costs("one", one), costs("other", other))]


def test_a_fixed_price_is_cheaper_from_some_load_on() -> None:
    (crossing,) = found(lambda load: 10 + load, lambda load: 2 * load, 4.0)
    assert (crossing.cheaper, crossing.dearer) == ("one", "other")
    assert crossing.commands_s == pytest.approx(10, rel=1e-6)
    assert crossing.factor == pytest.approx(2.5, rel=1e-6)
    assert crossing.usd == pytest.approx(20, rel=1e-6)


def test_a_crossing_below_the_present_load_is_found_too() -> None:
    (crossing,) = found(lambda load: load, lambda _: 0.02)
    assert (crossing.cheaper, crossing.dearer) == ("other", "one")
    assert crossing.commands_s == pytest.approx(0.02, rel=1e-6)


def test_steps_cross_more_than_once() -> None:
    def servers(load: float) -> float:
        return 100.0 if load < 10 else 1000.0

    points = found(lambda load: 20 * load, servers)
    assert [(one.dearer, round(one.commands_s, 4)) for one in points] == [("one", 5.0), ("other", 10.0), ("one", 50.0)]


def test_bills_that_never_cross_or_are_equal_have_no_break_even() -> None:
    assert found(lambda load: load, lambda load: load + 1) == []
    assert found(lambda load: load, lambda load: load) == []


def test_what_only_touches_is_no_crossing() -> None:
    assert found(lambda load: abs(load - 1), lambda _: 0.0) == []


def test_a_gap_that_is_closed_for_a_while_is_crossed_at_its_end() -> None:
    points = [factor for factor, rises in crossings(lambda factor: 0.0 if 2 < factor < 8 else factor - 5) if rises]
    assert points == [pytest.approx(8, rel=0.01)]


def test_no_bill_is_made_twice() -> None:
    made: list[float] = []

    def counted(commands_s: float) -> float:
        made.append(commands_s)
        return commands_s

    loads = Loads(load(), PRICES, 12)
    one = costs("one", counted)
    for name in ("a", "b", "c"):
        loads.break_evens(one, costs(name, lambda _: -1.0))
    assert len(made) == len(set(made)) == len([*breakeven.grid()])


@pytest.mark.parametrize("one", ["event-source", "plain", "stream", "workflow"])
def test_just_below_a_break_even_one_is_cheaper_and_just_above_it_the_other(one: str) -> None:
    loads = Loads(load(), PRICES, 12)
    pairs = [other for other in ALTERNATIVES if other.id != one]
    points = [point for other in pairs for point in loads.break_evens(BY_ID[one], other)]
    assert points
    for point in points:
        cheaper, dearer = BY_ID[point.cheaper], BY_ID[point.dearer]
        assert loads.usd(cheaper, point.factor * 0.99999) >= loads.usd(dearer, point.factor * 0.99999) - 1e-6
        assert loads.usd(cheaper, point.factor * 1.00001) <= loads.usd(dearer, point.factor * 1.00001) + 1e-6


def test_capacity_is_cheaper_than_on_demand_from_some_load_on(
    record_property: Callable[[str, object], None],
) -> None:
    (point,) = Loads(load(), PRICES, 12).break_evens(BY_ID["plain"], BY_ID["plain:provisioned"])
    assert point.cheaper == "plain:provisioned"
    record_property("figure", f"a plain table: provisioned is cheaper from {point.commands_s:.2g} commands/s on")


def test_peaks_make_capacity_dearer_at_any_load() -> None:
    peaky = Loads(load(held=6), PRICES, 12)
    assert peaky.break_evens(BY_ID["plain"], BY_ID["plain:provisioned"]) == ()
    assert peaky.usd(BY_ID["plain"], 1.0) < peaky.usd(BY_ID["plain:provisioned"], 1.0)


@pytest.mark.parametrize("verdict", TITLES)
def test_an_advice_is_held_against_the_plain_ways_and_its_own_other_forms(verdict: Verdict) -> None:
    found = {one.id for one in rivals(verdict)}
    own = {one.id for one in ALTERNATIVES if one.verdict == verdict}
    assert found == ({"plain", "plain:rds", "plain:aurora"} | own) - {verdict}


@pytest.mark.parametrize("name", ["ledger", "blog", "devices", "record-access"])
def test_a_finer_search_finds_no_other_break_evens_but_close_to_these(name: str) -> None:
    """Provisioned capacity comes in whole units: near its break-even bills cross back and forth."""
    file = Path(__file__).parents[2] / "examples" / "fit" / f"{name}.yaml"
    answers = read(file.read_bytes(), file.name).answers
    advised, loads = judge(answers).verdict, Loads(load(answers), PRICES, 12)
    fine = [10 ** (step / 40) for step in range(-120, 121)]
    for other in rivals(advised):
        found = [one.factor for one in loads.break_evens(BY_ID[advised], other)]
        gaps = [loads.usd(BY_ID[advised], factor) - loads.usd(other, factor) for factor in fine]
        turns = [high for high, was, now in zip(fine[1:], gaps, gaps[1:], strict=False) if (was > 0) != (now > 0)]
        step = 10 ** (1 / breakeven.STEPS_A_TENFOLD)
        assert not [one for one in found if not any(one / step < turn < one * step for turn in turns)], other.id
        close = [one for one in turns if not any(one / step < point < one * step for point in found)]
        assert len(close) % 2 == 0, f"{other.id} crosses at {close}"


def test_a_search_that_looks_the_wrong_way_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = breakeven._narrowed  # pyright: ignore[reportPrivateUsage]

    def wrong(gap: Callable[[float], float], low: float, high: float, *, rises: bool) -> float:
        return right(gap, low, high, rises=not rises)

    monkeypatch.setattr(breakeven, "_narrowed", wrong)
    with pytest.raises(AssertionError):
        test_a_fixed_price_is_cheaper_from_some_load_on()
