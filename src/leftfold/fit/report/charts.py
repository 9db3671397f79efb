"""The charts of an advice: costs over months, the score by reason, break-even. Each is a picture with a title in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from leftfold.fit.advice import Advice, BreakEven, Load
from leftfold.fit.judgement import Reason, Verdict
from leftfold.fit.report import svg, words
from leftfold.fit.report.svg import Scale
from leftfold.fit.rules import BANDS

_WIDE: Final = 800.0
_HIGH: Final = 330.0
_LEFT: Final = 56.0  # for the ticks of dollars
_RIGHT: Final = 276.0  # for the names at the lines' ends
_TOP: Final = 42.0
_FOOT: Final = 40.0
_FONT: Final = 12.0
_GAP: Final = 16.0  # between two lines of text
_NAMES: Final = 180.0  # of rules, beside their bars
_ROW: Final = 24.0
AROUND: Final = 10.0  # times below and above the rates that matter, that a chart shows
MARKED: Final = 3  # crossings with a label: more would hide each other


class Series(Struct, frozen=True):
    """One line of a chart: an alternative's dollars over months or loads."""

    alternative: str
    xs: tuple[float, ...]
    usd: tuple[float, ...]


def over_months(advice: Advice, id: str = "months") -> str:
    """Dollars a month over the years in which history is kept, a line for each alternative worth comparing."""
    chosen = [words.curve(advice, bill.alternative) for bill in words.telling(advice)]
    series = [Series(one.alternative, tuple(map(float, one.months)), one.usd) for one in chosen if one and one.months]
    if not series:
        return ""
    months = max(x for one in series for x in one.xs)
    across = svg.scale([months / 12 if months >= 24 else months], _LEFT, _WIDE - _RIGHT)
    unit = 12.0 if months >= 24 else 1.0
    across = Scale(0.0, months / unit, across.start, across.end)
    up = svg.scale((usd for one in series for usd in one.usd), _HIGH - _FOOT, _TOP)
    scaled = [Series(one.alternative, tuple(x / unit for x in one.xs), one.usd) for one in series]
    desc = "; ".join(
        f"{one.alternative}: {words.usd(one.usd[0])} first, {words.usd(one.usd[-1])} at the end" for one in series
    )
    body = [*_axes(across, up, "years" if unit > 1 else "months"), *_lines(scaled, across, up, _priced)]
    return svg.figure(id, "Dollars a month, as time goes on", desc, (_WIDE, _HIGH), body)


def over_loads(advice: Advice, id: str = "loads") -> str:
    """Dollars a month over commands a second; circles mark where the advised alternative crosses another."""
    chosen = [bill.alternative for bill in words.telling(advice)]
    marks, now = _marked(advice, chosen), advice.answers.commands_per_s
    known = {one.alternative: one for one in advice.loads}
    series = [
        _near(known[id], [*(one.commands_s for one in marks), *([now] if now else [])]) for id in chosen if id in known
    ]
    series = [one for one in series if one.xs]
    if not series:
        return ""
    across = svg.scale(
        [*(x for one in series for x in one.xs), *(one.commands_s for one in marks)], _LEFT, _WIDE - _RIGHT, log=True
    )
    up = svg.scale(
        [*(usd for one in series for usd in one.usd), *(one.usd for one in marks)], _HIGH - _FOOT, _TOP, log=True
    )
    desc = " ".join(words.break_even(one) for one in marks) or "The lines of these alternatives don't cross."
    body = [
        *_axes(across, up, "commands a second"),
        *([_now(now, across)] if now and across.low <= now <= across.high else []),
        *_lines(series, across, up, lambda _: ""),
        *_crossings(marks, across, up),
    ]
    return svg.figure(id, "Dollars a month, by commands a second", desc, (_WIDE, _HIGH), body)


def _near(load: Load, rates: Sequence[float]) -> Series:
    """The part of a curve on which something happens: beyond, all lines run side by side."""
    low, high = (min(rates) / AROUND, max(rates) * AROUND) if rates else (0.0, float("inf"))
    shown = [(x, usd) for x, usd in zip(load.commands_s, load.usd, strict=True) if x > 0 and low <= x <= high]
    return Series(load.alternative, tuple(x for x, _ in shown), tuple(usd for _, usd in shown))


def _axes(across: Scale, up: Scale, name: str) -> Iterator[str]:
    foot = _HIGH - _FOOT
    yield svg.text(_LEFT - 48, 14, "dollars a month", "tick")
    for tick in up.ticks():
        y = up.at(tick)
        yield svg.line(_LEFT, y, _WIDE - _RIGHT, y, "grid")
        yield svg.text(_LEFT - 8, y + 4, svg.short(tick), "tick y", "end")
    for tick in across.ticks():
        x = across.at(tick)
        if across.start <= x <= across.end + 0.01:
            yield svg.line(x, foot, x, foot + 4, "axis")
            yield svg.text(x, foot + 18, svg.short(tick), "tick x", "middle")
    yield svg.line(_LEFT, foot, _WIDE - _RIGHT, foot, "axis")
    yield svg.text((across.start + across.end) / 2, _HIGH - 4, name, "tick", "middle")


def _lines(series: Sequence[Series], across: Scale, up: Scale, after: Callable[[float], str]) -> Iterator[str]:
    """The advised one last, so that it lies on top."""
    ends = svg.spread([up.at(one.usd[-1]) for one in series], _GAP, _TOP + 4, _HIGH - _FOOT)
    for place, (one, end) in reversed(list(enumerate(zip(series, ends, strict=True)))):
        kind = "advised" if place == 0 else f"other o{place}"
        points = [(across.at(x), up.at(usd)) for x, usd in zip(one.xs, one.usd, strict=True)]
        yield svg.polyline(points, f"line {kind}", f' data-of="{svg.esc(one.alternative)}"')
        last, room = points[-1], _WIDE - _RIGHT
        yield svg.polyline([last, (room + 6, last[1]), (room + 14, end)], f"lead {kind}")
        yield svg.text(room + 18, end + 4, f"{one.alternative}{after(one.usd[-1])}", f"name {kind}")


def _priced(usd: float) -> str:
    return f" ${svg.short(float(f'{usd:.3g}'))}" if usd >= 1e5 else f" {words.usd(usd)}"


def _now(now: float, across: Scale) -> str:
    x = across.at(now)
    return svg.line(x, _TOP, x, _HIGH - _FOOT, "now") + svg.text(x + 4, _HIGH - _FOOT - 6, "now", "tick")


def _marked(advice: Advice, chosen: Sequence[str]) -> list[BreakEven]:
    """Crossings of the advised alternative with those that are drawn."""
    own = chosen[0]
    return [
        one for one in advice.break_evens if own in (one.cheaper, one.dearer) and {one.cheaper, one.dearer} <= {*chosen}
    ]


def _crossings(marks: Sequence[BreakEven], across: Scale, up: Scale) -> Iterator[str]:
    near = sorted(marks, key=lambda one: max(one.factor, 1 / one.factor))[:MARKED]
    said = [f"{words.number(float(f'{one.commands_s:.2g}'))}/s" for one in near]
    gap = max((svg.width(text, _FONT) for text in said), default=0.0) + 10
    places = svg.spread([across.at(one.commands_s) for one in near], gap, across.start + gap / 2, across.end)
    for one in marks:
        x, y = across.at(one.commands_s), up.at(one.usd)
        yield svg.circle(x, y, 4.5, "cross", f' data-of="{svg.esc(f"{one.cheaper} {one.dearer}")}"')
    for one, place, text in zip(near, places, said, strict=True):
        x, y = across.at(one.commands_s), up.at(one.usd)
        yield svg.polyline([(x, y - 5), (place, _TOP)], "guide")
        yield svg.text(place, _TOP - 6, text, "mark", "middle")


def score(advice: Advice, id: str = "score") -> str:
    """Each reason's points, running from zero to the sum, over the bands of the verdicts."""
    reasons = [*words.against(advice), *(one for one in words.in_favour(advice) if one.weight)]
    ends = list(accumulate((one.weight for one in reasons), initial=0))
    bands = [least for least, _ in BANDS]
    low, high = min([*ends, min(bands) - 2]) - 1, max([*ends, max(bands) + 2]) + 1
    across = Scale(float(low), float(high), _NAMES, _WIDE - 16)
    bottom = _TOP + 12 + _ROW * (len(reasons) + 1)
    body = [*_bands(across, bottom), *_bars(reasons, ends, across), *_sum(advice, reasons, ends, across, bottom)]
    desc = "; ".join(f"{_named(one)} {words.signed(one.weight)}" for one in reasons) + f"; the sum is {ends[-1]}"
    return svg.figure(id, "The score, reason by reason", desc, (_WIDE, bottom + 26), body)


def _bands(across: Scale, bottom: float) -> Iterator[str]:
    edges: list[tuple[float, Verdict]] = [
        (across.low, "plain"),
        *((least - 0.5, verdict) for least, verdict in reversed(BANDS)),
    ]
    for place, (start, verdict) in enumerate(edges):
        end = edges[place + 1][0] if place + 1 < len(edges) else across.high
        x = across.at(start)
        yield svg.rect(x, _TOP, across.at(end) - x, bottom - _TOP, f"band b{place}")
        if svg.width(verdict, _FONT) <= across.at(end) - x:  # with very many points bands are narrower than their names
            yield svg.text((x + across.at(end)) / 2, _TOP - 8, verdict, "tick", "middle")
    zero = across.at(0.0)
    yield svg.line(zero, _TOP, zero, bottom, "axis")
    yield svg.text(zero, bottom + 14, "0", "tick", "middle")


def _bars(reasons: Sequence[Reason], ends: Sequence[int], across: Scale) -> Iterator[str]:
    for place, one in enumerate(reasons):
        y = _TOP + 8 + _ROW * place
        before, after = ends[place], ends[place + 1]
        x = across.at(float(min(before, after)))
        kind = "against" if one.weight < 0 else "for"
        yield svg.text(_NAMES - 12, y + 15, svg.shortened(_named(one), _NAMES - 16, _FONT), "name", "end")
        wide = across.at(float(max(before, after))) - x
        yield svg.rect(x, y + 3, wide, _ROW - 7, f"bar {kind}", round=2, data=f' data-of="{svg.esc(one.rule)}"')
        middle = x + wide / 2
        yield svg.text(middle, y + 15.5, words.signed(one.weight), "points", "middle")
        edge = across.at(float(after))
        yield svg.line(edge, y + _ROW - 4, edge, y + _ROW + 3, "axis")


def _sum(advice: Advice, reasons: Sequence[Reason], ends: Sequence[int], across: Scale, bottom: float) -> Iterator[str]:
    y = _TOP + 8 + _ROW * len(reasons)
    x = across.at(float(ends[-1]))
    yield svg.text(_NAMES - 12, y + 15, "score", "name total", "end")
    yield svg.line(x, y, x, bottom, "total")
    right = ends[-1] < (across.low + across.high) / 2
    yield svg.text(x + (7 if right else -7), y + 15, words.score(advice), "name total", "start" if right else "end")


def _named(reason: Reason) -> str:
    return reason.rule.replace("_", " ")
