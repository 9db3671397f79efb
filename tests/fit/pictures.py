"""A picture read back: its texts as boxes, its points, its axes, from the SVG alone."""

import re
from collections.abc import Iterator
from math import log10
from xml.etree import ElementTree

from msgspec import Struct

from leftfold.fit.report.svg import width

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}

Element = ElementTree.Element


class Box(Struct, frozen=True):
    said: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        apart = (
            self.right <= other.left or other.right <= self.left or self.bottom <= other.top or other.bottom <= self.top
        )
        return not apart


def read(svg: str) -> Element:
    return ElementTree.fromstring(svg)


def found(picture: Element, tag: str, kind: str = "") -> list[Element]:
    """Elements of a tag whose classes have this one."""
    return [one for one in picture.iter(f"{SVG}{tag}") if not kind or kind in (one.get("class") or "").split()]


def number(element: Element, name: str) -> float:
    return float(element.get(name) or "nan")


def texts(picture: Element) -> list[Box]:
    return [_text(one) for one in found(picture, "text")]


def _text(one: Element) -> Box:
    said = one.text or ""
    size = 11.0 if {"tick", "label", "service", "what", "points"} & {*(one.get("class") or "").split()} else 12.0
    wide = width(said, size)
    start = number(one, "x") - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[one.get("text-anchor") or "start"]
    y = number(one, "y")
    return Box(said, start, y - size * 0.75, start + wide, y + size * 0.1)


def rects(picture: Element, kind: str = "") -> list[Box]:
    return [
        Box(
            one.get("data-of") or "",
            number(one, "x"),
            number(one, "y"),
            number(one, "x") + number(one, "width"),
            number(one, "y") + number(one, "height"),
        )
        for one in found(picture, "rect", kind)
    ]


def points(element: Element) -> list[tuple[float, float]]:
    values = [float(one) for one in NUMBER.findall(element.get("points") or "")]
    return list(zip(values[::2], values[1::2], strict=True))


def overlaps(picture: Element) -> list[str]:
    boxes = [box for box in texts(picture) if box.said]
    return [
        f"{one.said} / {other.said}" for at, one in enumerate(boxes) for other in boxes[at + 1 :] if one.meets(other)
    ]


def outside(picture: Element) -> list[str]:
    """What lies beyond the picture's edges."""
    _, _, wide, high = (float(one) for one in (picture.get("viewBox") or "").split())
    boxes = [*texts(picture), *rects(picture)]
    wrong = [
        box.said
        for box in boxes
        if box.left < -0.5 or box.top < -0.5 or box.right > wide + 0.5 or box.bottom > high + 0.5
    ]
    wrong += [f"{x},{y}" for x, y in _places(picture) if not (-0.5 <= x <= wide + 0.5 and -0.5 <= y <= high + 0.5)]
    return wrong


def _places(picture: Element) -> Iterator[tuple[float, float]]:
    for one in found(picture, "polyline"):
        yield from points(one)
    for one in found(picture, "circle"):
        yield number(one, "cx"), number(one, "cy")
    for one in found(picture, "line"):
        yield from ((number(one, f"x{end}"), number(one, f"y{end}")) for end in (1, 2))


class Axis(Struct, frozen=True):
    """What two ticks of an axis say of every place on it."""

    first: tuple[float, float]  # place and value
    last: tuple[float, float]
    log: bool

    def value(self, place: float) -> float:
        (a, low), (b, high) = self.first, self.last
        share = (place - a) / (b - a)
        return float(low * (high / low) ** share if self.log else low + (high - low) * share)


def axis(picture: Element, kind: str) -> Axis:
    """The axis that the ticks of a class stand on. Logarithmic where equal steps are equal factors."""
    ticks = [one for one in found(picture, "text", "tick") if kind in (one.get("class") or "").split()]
    where = "x" if kind == "x" else "y"
    places = [(number(one, where) - (0 if kind == "x" else 4), _value(one.text or "")) for one in ticks]
    (a, low), (b, middle), (c, high) = places[0], places[1], places[-1]
    straight = abs((b - a) / (c - a) - (middle - low) / (high - low)) < 0.01
    if not straight:
        assert abs((b - a) / (c - a) - log10(middle / low) / log10(high / low)) < 0.01
    return Axis((a, low), (c, high), not straight)


def _value(said: str) -> float:
    return float(said.rstrip("kMG")) * UNITS.get(said[-1:], 1.0)
