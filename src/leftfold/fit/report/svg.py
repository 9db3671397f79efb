"""The few shapes that the charts are made of, and scales with round ticks. Text in, text out."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import Final

from msgspec import Struct

_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
TICKS: Final = 6  # of an axis, at the most
SPAN: Final = 30.0  # times from which an axis is logarithmic: what is smaller would lie on the ground
_EM: Final = 0.58  # of the font's size: how wide a letter is on average

_INVISIBLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")


class Scale(Struct, frozen=True):
    """From `low`..`high` to `start`..`end`. On a logarithmic one nothing lies under `low`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        if self.log:
            share = log10(max(value, self.low) / self.low) / log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> tuple[float, ...]:
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


def scale(values: Iterable[float], start: float, end: float, *, log: bool | None = None) -> Scale:
    """A scale with round ends around the values, linear ones from zero; logarithmic where they span too much for that."""
    found = [value for value in values if value > 0] or [1.0]
    low, high = min(found), max(found)
    if log if log is not None else high / low > SPAN:
        low, high = _rounded(low, down=True), _rounded(high, down=False)
        return Scale(low, high if high > low else low * 10, start, end, log=True)
    step = _step(high)
    return Scale(0.0, ceil(high / step - 1e-9) * step, start, end)


def _step(high: float) -> float:
    power = 10.0 ** floor(log10(high / TICKS))
    return next(step * power for step in _STEPS if step * power * TICKS >= high * (1 - 1e-9))


def _rounded(value: float, *, down: bool) -> float:
    power = 10.0 ** floor(log10(value) + 1e-12)
    steps = [step * power for step in _STEPS]
    return (
        max(step for step in steps if step <= value * 1.000001)
        if down
        else min(s for s in steps if s >= value * 0.999999)
    )


def _linear_ticks(low: float, high: float) -> tuple[float, ...]:
    step = _step(high - low)
    return tuple(low + place * step for place in range(round((high - low) / step) + 1))


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """As many within each power of ten as there is room for."""
    powers = range(floor(log10(low) + 1e-9), ceil(log10(high) - 1e-9) + 1)
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [step * 10.0**power for power in powers for step in steps]
        inside = [tick for tick in found if low * 0.999999 <= tick <= high * 1.000001]
        if len(inside) <= TICKS + 2:
            return tuple(inside)
    return tuple(inside[:: ceil(len(inside) / TICKS)])


def short(value: float) -> str:
    """A tick's number: `0.05`, `200`, `1.5k`, `2M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def esc(text: str) -> str:
    """Text that means nothing but itself, in elements and in attributes, and that XML allows."""
    return html.escape(_INVISIBLE.sub(" ", text), quote=True)


def width(text: str, size: float) -> float:
    """About how wide a text is drawn."""
    return size * _EM * sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def shortened(text: str, room: float, size: float) -> str:
    if width(text, size) <= room:
        return text
    while text and width(text + "...", size) > room:
        text = text[:-1]
    return f"{text.rstrip()}..."


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, `gap` apart, in the same order, between `low` and `high` where there is room."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    found = list(wanted)
    edge = low
    for place in order:
        found[place] = edge = max(edge, wanted[place])
        edge += gap
    edge = high
    for place in reversed(order):
        found[place] = edge = min(edge, found[place])
        edge -= gap
    return found


def figure(id: str, title: str, desc: str, size: tuple[float, float], body: Iterable[str]) -> str:
    """A picture that says to whom can't see it what it shows."""
    w, h = size
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {w:g} {h:g}" '
        f'style="min-width:{min(w, 560):g}px;max-width:{w * 1.25:g}px">'
    )
    said = f'<title id="{id}-t">{esc(title)}</title><desc id="{id}-d">{esc(desc)}</desc>'
    return "\n".join([head, said, *body, "</svg>"])


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{esc(said)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def rect(x: float, y: float, w: float, h: float, kind: str, *, round: float = 0, data: str = "") -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}" rx="{round:g}" class="{kind}"{data}/>'


def polyline(points: Iterable[tuple[float, float]], kind: str, data: str = "") -> str:
    return f'<polyline class="{kind}"{data} points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in points)}"/>'


def circle(x: float, y: float, r: float, kind: str, data: str = "") -> str:
    return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{r:g}" class="{kind}"{data}/>'
