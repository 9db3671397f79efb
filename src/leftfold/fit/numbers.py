"""Numbers as people write them, in answers, assumptions and prices: decimal, within limits, and told what is wrong."""

from __future__ import annotations

import math
import re
from typing import Final

MOST: Final = 1e15  # of any number: all of them multiplied are still finite
SHOWN: Final = 40  # characters of a wrong answer that its fault repeats

_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_NUMBER: Final = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?[0-9]+)?")
_GROUPED: Final = re.compile(r"([+-]?[0-9]{1,3}(?:([,.'\s])[0-9]{3})(?:\2[0-9]{3})*)([.,][0-9]+)?")
_WITH_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+")
_WITH_UNIT: Final = re.compile(r"[$€£] ?.*|[^0-9]*[a-z%$€£][^0-9]*", re.IGNORECASE)  # what stands around a number
_ENDLESS: Final = re.compile(r"[+-]?\.?(?:nan|inf|infinity)", re.IGNORECASE)


class Wrong(ValueError):
    """What can't be taken: what is wrong, and what to do."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(f"{what}; {do}")
        self.what, self.do = what, do


def number(text: str, *, low: float, high: float = MOST, unit: str = "", whole: bool = False) -> float:
    """A plain decimal number within its limits. Raises Wrong, which says the unit."""
    text = text.strip()
    of = f" ({unit})" if unit else ""
    if not _NUMBER.fullmatch(text):
        raise _no_number(text, of)
    found = float(text)
    if math.copysign(1.0, found) < 0 and low >= 0:
        raise Wrong(f"{shown(text)} is negative", f"write {low:g} or more{of}")
    if not low <= found <= high:
        raise Wrong(f"{shown(text)} is out of range", f"write {low:_.16g} to {high:_.16g}{of}")
    if whole and not found.is_integer():
        raise Wrong(f"{shown(text)} is not whole", f"write a whole number{of}")
    return found


def shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def _no_number(text: str, of: str) -> Wrong:
    alone = f"write the number alone{of}"
    if (grouped := _GROUPED.fullmatch(text)) is not None:
        whole, mark, rest = grouped.groups()
        return Wrong(f"{shown(text)} is in groups", f"write {whole.replace(mark, '_')}{(rest or '').replace(',', '.')}")
    if _WITH_COMMA.fullmatch(text):
        return Wrong(f"{shown(text)} has a decimal comma", f"write {text.replace(',', '.')}")
    if _ENDLESS.fullmatch(text):
        return Wrong(f"{shown(text)} can't be counted with", alone)
    begun = _NUMBER.match(text.lstrip("$€£ "))
    around = text.replace(begun.group(), "", 1) if begun else ""
    return Wrong(f"{shown(text)} {'has a unit' if _WITH_UNIT.fullmatch(around) else 'is no number'}", alone)
