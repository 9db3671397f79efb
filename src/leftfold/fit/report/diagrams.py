"""The services of a design as a picture: columns from left to right along the arrows, nothing drawn through a box."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from leftfold.fit.advice import Arrow, Design
from leftfold.fit.report import svg

_BOX: Final = (100.0, 46.0)
_GAP: Final = (58.0, 26.0)  # between columns, where labels stand, and between rows
_EDGE: Final = 10.0
_SMALL: Final = 11.0
_STORES: Final = ("DynamoDB", "S3", "Kinesis")

Place = tuple[int, int]
"""Column and row."""


class Layout(Struct, frozen=True):
    """Where each service stands, and by which places each arrow goes, from the left one to the right one."""

    boxes: dict[str, Place]
    ways: tuple[tuple[Place, ...], ...]
    turned: tuple[bool, ...]  # arrows that point to the left


def laid_out(arrows: Sequence[Arrow]) -> Layout:
    """Columns by the longest way from the left; an arrow that would close a circle counts as turned."""
    names = list(dict.fromkeys(end for arrow in arrows for end in (arrow.source, arrow.target)))
    turned = tuple(_turned(arrows))
    pairs = [
        (one.target, one.source) if back else (one.source, one.target) for one, back in zip(arrows, turned, strict=True)
    ]
    columns = _columns(names, pairs)
    chains = [_chain(number, pair, columns) for number, pair in enumerate(pairs)]
    rows = _rows(names, columns, chains)
    boxes = {name: (columns[name], rows[name]) for name in names}
    ways = tuple(tuple((column, rows[stop]) for column, stop in _stops(chain, columns)) for chain in chains)
    return Layout(boxes, ways, turned)


def _turned(arrows: Sequence[Arrow]) -> Iterator[bool]:
    """Taken in their order, arrows that lead back to where one can come from."""
    onward: dict[str, set[str]] = {}
    for arrow in arrows:
        back = arrow.source in _reach(arrow.target, onward)
        if not back:
            onward.setdefault(arrow.source, set()).add(arrow.target)
        yield back


def _reach(start: str, onward: Mapping[str, set[str]]) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        fresh = onward.get(todo.pop(), set()) - seen
        seen |= fresh
        todo += sorted(fresh)
    return seen


def _columns(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    columns = dict.fromkeys(names, 0)
    for _ in names:  # the longest way has no more steps than there are names
        for source, target in pairs:
            columns[target] = max(columns[target], columns[source] + 1)
    starts = {name for name in names if not any(target == name for _, target in pairs)}
    for name in starts:  # what nobody calls stands right before whom it calls
        after = [columns[target] for source, target in pairs if source == name]
        columns[name] = min(after) - 1
    return columns


def _chain(number: int, pair: tuple[str, str], columns: Mapping[str, int]) -> list[str]:
    """The stops of an arrow: its ends, and a name of its own in each column between."""
    source, target = pair
    return [source, *(f"{number} {column}" for column in range(columns[source] + 1, columns[target])), target]


def _stops(chain: Sequence[str], columns: Mapping[str, int]) -> list[tuple[int, str]]:
    first = columns[chain[0]]
    return [(first + place, stop) for place, stop in enumerate(chain)]


def _rows(names: Sequence[str], columns: Mapping[str, int], chains: Sequence[Sequence[str]]) -> dict[str, int]:
    """Column by column, each stop as near as there is room to those that lead to it."""
    standing: dict[int, list[str]] = {}
    before: dict[str, list[str]] = {}
    for name in names:
        standing.setdefault(columns[name], []).append(name)
    for chain in chains:
        for column, stop in _stops(chain, columns):
            if stop not in standing.setdefault(column, []):
                standing[column].append(stop)
        for left, right in pairwise(chain):
            before.setdefault(right, []).append(left)
    rows: dict[str, int] = {}
    for column in sorted(standing):
        wished = {stop: min((rows[one] for one in before.get(stop, ())), default=0) for stop in standing[column]}
        edge = -1
        for stop in sorted(standing[column], key=lambda stop: wished[stop]):
            rows[stop] = edge = max(edge + 1, wished[stop])
    return rows


def services(design: Design, id: str = "services") -> str:
    """The picture of a design. `id` is its own on the page."""
    found = laid_out(design.arrows)
    places = [*found.boxes.values(), *(place for way in found.ways for place in way)]
    wide = _EDGE * 2 + max(column for column, _ in places) * (_BOX[0] + _GAP[0]) + _BOX[0]
    high = _EDGE * 2 + max(row for _, row in places) * (_BOX[1] + _GAP[1]) + _BOX[1]
    body = [*_arrows(design.arrows, found, id), *(_box(name, place) for name, place in found.boxes.items())]
    head = f'<defs><marker id="{id}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    head += 'orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    desc = "; ".join(f"{one.source} to {one.target}{f': {one.label}' if one.label else ''}" for one in design.arrows)
    return svg.figure(id, f"The services: {design.title.replace('`', '')}", desc, (wide, high), [head, *body])


def _corner(place: Place) -> tuple[float, float]:
    column, row = place
    return _EDGE + column * (_BOX[0] + _GAP[0]), _EDGE + row * (_BOX[1] + _GAP[1])


def _box(name: str, place: Place) -> str:
    x, y = _corner(place)
    service, _, what = name.partition(": ")
    kind = "store" if service in _STORES else "box"
    shape = svg.rect(x, y, *_BOX, kind, round=8 if kind == "store" else 3, data=f' data-of="{svg.esc(name)}"')
    middle = x + _BOX[0] / 2
    if not what:
        return shape + svg.text(middle, y + 27, svg.shortened(service, _BOX[0] - 6, _SMALL), "what", "middle")
    said = svg.text(middle, y + 19, svg.shortened(service, _BOX[0] - 6, _SMALL), "service", "middle")
    return shape + said + svg.text(middle, y + 35, svg.shortened(what, _BOX[0] - 6, _SMALL), "what", "middle")


def _arrows(arrows: Sequence[Arrow], found: Layout, id: str) -> Iterator[str]:
    for way, back in zip(found.ways, found.turned, strict=True):
        yield f'<path class="arrow" marker-{"start" if back else "end"}="url(#{id}-tip)" d="{_path(way)}"/>'
    taken: list[tuple[float, float, float]] = []  # labels: from x, to x, y
    labels: dict[tuple[str, str], list[tuple[float, float]]] = {}  # what several arrows of a box share stands once
    for one, way in zip(arrows, found.ways, strict=True):
        if one.label:
            labels.setdefault((one.source, one.label), list(dict.fromkeys(_spots(way))))
    for (_, label), spots in sorted(labels.items(), key=lambda one: len(one[1])):  # who has the least choice first
        yield _label(label, spots, taken)


def _path(way: Sequence[Place]) -> str:
    """From the right side of the first box to the left side of the last, level through the columns between."""
    x, y = _side(way[0], right=True)
    drawn = f"M{x:.1f} {y:.1f}"
    for place, stop in enumerate(way[1:], 1):
        to_x, to_y = _side(stop, right=False)
        bend = (x + to_x) / 2
        drawn += f"C{bend:.1f} {y:.1f} {bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        if place < len(way) - 1:
            x, y = _side(stop, right=True)
            drawn += f"H{x:.1f}"
    return drawn


def _side(place: Place, *, right: bool) -> tuple[float, float]:
    x, y = _corner(place)
    return x + (_BOX[0] if right else 0.0), y + _BOX[1] / 2


def _label(label: str, spots: Sequence[tuple[float, float]], taken: list[tuple[float, float, float]]) -> str:
    """In the first spot along its way where no other label stands."""
    half = svg.width(label, _SMALL) / 2
    free = [(x, y) for x, y in spots if all(x + half < a or x - half > b or abs(y - at) > _SMALL for a, b, at in taken)]
    x, y = (free or spots)[0]
    taken.append((x - half, x + half, y))
    return svg.text(x, y, label, "label", "middle")


def _spots(way: Iterable[Place]) -> Iterator[tuple[float, float]]:
    """Above each stretch between two columns, the last one first; then along the level ways through columns."""
    stops = list(way)
    for left, right in reversed(list(pairwise(stops))):
        (x, y), (to_x, to_y) = _side(left, right=True), _side(right, right=False)
        for share in (0.5, 0.7, 0.3, 0.9, 0.1):
            yield x + (to_x - x) * 0.5, y + (to_y - y) * share - 5
    for stop in stops[1:-1]:
        x, y = _corner(stop)
        yield x + _BOX[0] / 2, y + _BOX[1] / 2 - 5
