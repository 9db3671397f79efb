"""The charts say what the advice says: their points, read back by their own ticks, are its figures."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from leftfold.fit.advice import Advice, Arrow
from leftfold.fit.designs import design
from leftfold.fit.judgement import Verdict
from leftfold.fit.report import charts, diagrams, svg, words
from tests.fit import pictures
from tests.fit.advices import ANSWERS, VERDICTS, advices, answered, few, load_of, sample
from tests.fit.worked import ADVISED


def drawn(advice: Advice) -> dict[str, pictures.Element]:
    made = {
        "months": charts.over_months(advice),
        "loads": charts.over_loads(advice),
        "score": charts.score(advice),
        "services": diagrams.services(advice.design),
    }
    return {name: pictures.read(text) for name, text in made.items() if text}


@pytest.mark.parametrize("name", [*ADVISED])
def test_no_texts_overlap_and_nothing_leaves_the_picture(name: str) -> None:
    for kind, picture in drawn(ADVISED[name]).items():
        assert pictures.overlaps(picture) == [], kind
        assert pictures.outside(picture) == [], kind


@few
@given(advice=advices())
def test_nothing_of_any_advice_leaves_its_picture(advice: Advice) -> None:
    for kind, picture in drawn(advice).items():
        assert pictures.outside(picture) == [], kind


def test_overlaps_and_what_is_outside_are_caught() -> None:
    inside = svg.text(10, 20, "one")
    assert pictures.overlaps(pictures.read(svg.figure("a", "a", "a", (90, 40), [inside, svg.text(12, 24, "two")])))
    assert pictures.outside(pictures.read(svg.figure("a", "a", "a", (90, 40), [svg.text(80, 20, "three")])))
    assert pictures.outside(pictures.read(svg.figure("a", "a", "a", (90, 40), [svg.circle(95, 20, 2, "x")])))
    assert pictures.outside(pictures.read(svg.figure("a", "a", "a", (90, 40), [svg.polyline([(1, 1), (2, 50)], "x")])))
    assert not pictures.outside(pictures.read(svg.figure("a", "a", "a", (90, 40), [inside])))


@pytest.mark.parametrize("name", [*ADVISED])
def test_the_points_over_months_are_the_bills_of_the_curves(name: str) -> None:
    advice = ADVISED[name]
    picture = drawn(advice)["months"]
    across, up = pictures.axis(picture, "x"), pictures.axis(picture, "y")
    lines = {one.get("data-of") or "": pictures.points(one) for one in pictures.found(picture, "polyline", "line")}
    assert {*lines} == {bill.alternative for bill in words.telling(advice)}
    for id, points in lines.items():
        curve = words.curve(advice, id)
        assert curve is not None
        unit = 12 if max(curve.months) >= 24 else 1
        assert [across.value(x) * unit for x, _ in points] == pytest.approx(curve.months, rel=0.01, abs=0.2)
        top = up.last[1]
        assert [up.value(y) for _, y in points] == pytest.approx(curve.usd, rel=0.01, abs=0.0 if up.log else top / 5000)


@pytest.mark.parametrize("name", [*ADVISED])
def test_the_points_over_loads_are_the_bills_at_those_loads(name: str) -> None:
    advice = ADVISED[name]
    picture = drawn(advice)["loads"]
    across, up = pictures.axis(picture, "x"), pictures.axis(picture, "y")
    assert across.log
    assert up.log
    loads = {one.alternative: one for one in advice.loads}
    lines = pictures.found(picture, "polyline", "line")
    assert {line.get("data-of") for line in lines} == {bill.alternative for bill in words.telling(advice)}
    for line in lines:
        known = loads[line.get("data-of") or ""]
        rates = [across.value(x) for x, _ in pictures.points(line)]
        first = next(at for at, rate in enumerate(known.commands_s) if rate > rates[0] * 0.99)
        shown = slice(first, first + len(rates))
        assert rates == pytest.approx(known.commands_s[shown], rel=0.01)
        assert [up.value(y) for _, y in pictures.points(line)] == pytest.approx(known.usd[shown], rel=0.01)
        assert rates[0] < (advice.answers.commands_per_s or 0) < rates[-1]


def test_each_crossing_is_marked_where_both_cost_the_same() -> None:
    marked = 0
    for advice in ADVISED.values():
        picture = drawn(advice)["loads"]
        across, up = pictures.axis(picture, "x"), pictures.axis(picture, "y")
        shown = {bill.alternative for bill in words.telling(advice)}
        wanted = [
            one
            for one in advice.break_evens
            if advice.bills[0].alternative in (one.cheaper, one.dearer) and {one.cheaper, one.dearer} <= shown
        ]
        circles = pictures.found(picture, "circle", "cross")
        assert [one.get("data-of") for one in circles] == [f"{one.cheaper} {one.dearer}" for one in wanted]
        for one, circle in zip(wanted, circles, strict=True):
            assert across.value(pictures.number(circle, "cx")) == pytest.approx(one.commands_s, rel=0.01)
            assert up.value(pictures.number(circle, "cy")) == pytest.approx(one.usd, rel=0.01)
            marked += 1
    assert marked


def score_faults(picture: pictures.Element, weights: list[int]) -> list[str]:
    """Bars, read by the zero and by each other, must run from zero to the sum."""
    bars = pictures.rects(picture, "bar")
    zero = next(box for box in pictures.texts(picture) if box.said == "0")
    at, ends = (zero.left + zero.right) / 2, [*accumulate(weights, initial=0)]
    unit = (bars[0].right - bars[0].left) / abs(weights[0])
    wrong = [] if len(bars) == len(weights) else ["bars"]
    for bar, start, end in zip(bars, ends, ends[1:], strict=False):
        low, high = sorted((at + start * unit, at + end * unit))
        if abs(bar.left - low) > 0.6 or abs(bar.right - high) > 0.6:
            wrong.append(bar.said)
    return wrong


@pytest.mark.parametrize("name", [*ADVISED])
def test_the_score_runs_from_zero_reason_by_reason_to_the_sum(name: str) -> None:
    advice = ADVISED[name]
    weights = [one.weight for one in advice.judgement.reasons]
    picture = drawn(advice)["score"]
    assert weights == sorted(weights, key=lambda one: one > 0)
    assert score_faults(picture, weights) == []
    assert sum(weights) == advice.judgement.score
    assert any(box.said == words.score(advice) for box in pictures.texts(picture))
    assert score_faults(picture, [weights[0], weights[1] + 1, *weights[2:]])


def test_the_bands_say_which_verdict_a_score_has() -> None:
    for name in ("ledger", "chat", "blog"):
        advice = ADVISED[name]
        picture = drawn(advice)["score"]
        (total,) = pictures.found(picture, "line", "total")
        x = pictures.number(total, "x1")
        bands = pictures.rects(picture, "band")
        names = ("plain", "outbox", "core-only", "event-source")
        assert [one for one, band in zip(names, bands, strict=True) if band.left <= x < band.right] == [advice.verdict]


@given(answers=ANSWERS, verdict=st.sampled_from(VERDICTS))
def test_any_design_is_drawn_with_every_service_once_and_no_box_on_another(answers: object, verdict: Verdict) -> None:
    assert isinstance(answers, type(sample().answers))
    check_services(replace(sample(), design=design(answers, verdict, load_of(answers))))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_design_with_everything_is_still_legible(verdict: Verdict) -> None:
    for answers in (answered(True), answered(False)):
        picture = check_services(replace(sample(), design=design(answers, verdict, load_of(answers))))
        assert pictures.overlaps(picture) == []


def check_services(advice: Advice) -> pictures.Element:
    picture = pictures.read(diagrams.services(advice.design))
    boxes = [*pictures.rects(picture, "box"), *pictures.rects(picture, "store")]
    assert sorted(box.said for box in boxes) == sorted(one.name for one in advice.design.services)
    assert not [one.said for at, one in enumerate(boxes) for other in boxes[at + 1 :] if one.meets(other)]
    labels = [box for box in pictures.texts(picture) if box.said in {one.label for one in advice.design.arrows}]
    assert len(labels) >= len({(one.source, one.label) for one in advice.design.arrows if one.label})
    assert len(pictures.found(picture, "path", "arrow")) == len(advice.design.arrows)
    return picture


def test_an_arrow_goes_from_its_source_to_its_target() -> None:
    found = diagrams.laid_out(sample().design.arrows)
    for arrow, way, back in zip(sample().design.arrows, found.ways, found.turned, strict=True):
        ends = (found.boxes[arrow.source], found.boxes[arrow.target])
        assert (way[0], way[-1]) == (ends[::-1] if back else ends)
        assert [column for column, _ in way] == list(range(way[0][0], way[-1][0] + 1))


def test_an_arrow_that_closes_a_circle_is_turned() -> None:
    found = diagrams.laid_out((Arrow("a", "b"), Arrow("b", "c"), Arrow("c", "a")))
    assert found.turned == (False, False, True)
    assert [found.boxes[name][0] for name in "abc"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "ticks", "log"),
    [
        ([3.0, 47.0], (0, 10, 20, 30, 40, 50), False),
        ([0.0, 0.0], (0, 0.2, 0.4, 0.6, 0.8, 1.0), False),
        ([1.0, 1000.0], (1, 3, 10, 30, 100, 300, 1000), True),
        ([1.0, 1e9], (1, 100, 1e4, 1e6, 1e8), True),
        ([25.0, 900.0], (20, 50, 100, 200, 500, 1000), True),
    ],
)
def test_ticks_are_round(values: list[float], ticks: tuple[float, ...], log: bool) -> None:
    found = svg.scale(values, 0, 100)
    assert found.ticks() == pytest.approx(ticks)
    assert found.log is log


@given(values=st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=8), log=st.none() | st.booleans())
def test_every_value_lies_on_the_scale(values: list[float], log: bool | None) -> None:
    found = svg.scale(values, 50, 500, log=log)
    assert all(50 - 1e-3 <= found.at(value) <= 500 + 1e-3 for value in values)
    ticks = found.ticks()
    assert 1 <= len(ticks) <= 12
    assert len({svg.short(tick) for tick in ticks}) == len(ticks)


@given(wanted=st.lists(st.floats(0, 300), max_size=6))
def test_labels_are_spread_in_their_order(wanted: list[float]) -> None:
    found = svg.spread(wanted, 16, 0, 300)
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    placed = [found[place] for place in order]
    assert all(after - before >= 16 - 1e-9 for before, after in pairwise(placed))
    assert all(0 <= one <= 300 for one in placed)
