"""List prices, each with the day on which it was looked up and where it stands; and a file of your own in their place.

The lists are data beside this module, one file a region, in the form of a user's own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib import resources
from math import isfinite
from typing import Final

from msgspec import Struct

from leftfold.core.errors import ConfigError
from leftfold.fit.costs.bills import Line
from leftfold.fit.numbers import MOST, Wrong, number, shown
from leftfold.fit.yamlplaces import Entry, Faults, Mapping, Node, Scalar, document, near

HERE: Final = "leftfold.fit.costs"
REGION: Final = "us-east-1"
FORM: Final = "{usd: 0.625, per: 1_000_000, on: 2026-11-23, source: https://...}"
MOST_USD: Final = 1e9  # of one price: with it any bill is still finite
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
FIELDS: Final = ("usd", "per", "unit", "on", "source", "note")
NEEDED: Final = ("usd", "on", "source")
SERVICES: Final = {
    "api": "API Gateway",
    "aurora": "Aurora",
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDB",
    "eventbridge": "EventBridge",
    "firehose": "Data Firehose",
    "kinesis": "Kinesis",
    "kms": "KMS",
    "lambda": "Lambda",
    "rds": "RDS",
    "s3": "S3",
    "scheduler": "EventBridge Scheduler",
    "sqs": "SQS",
    "states": "Step Functions",
}
"""What AWS calls a service, by the first part of its prices' names."""


class Price(Struct, frozen=True):
    """`usd` dollars for `per` of `unit`, as AWS quotes it, looked up `on` a day (2026-11-23)."""

    name: str
    usd: float
    per: float
    unit: str
    on: str
    source: str
    note: str = ""

    @property
    def each(self) -> float:
        """Dollars for one of `unit`."""
        return self.usd / self.per

    @property
    def service(self) -> str:
        return SERVICES[self.name.partition(".")[0]]


class Prices(Struct, frozen=True):
    """The prices of one region, by name."""

    region: str
    listed: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.listed[name]

    def line(self, name: str, quantity: float, what: str) -> Line:
        """`quantity` a month of what the price is quoted for: of single units, never of millions.

        Raises ValueError for a quantity that is negative, NaN or infinite: a formula is wrong then.
        """
        if not isfinite(quantity) or quantity < 0:
            raise ValueError(f"{name}: {quantity} is no quantity")
        price = self.listed[name]
        return Line(price.service, what, quantity, price.unit, name, quantity * price.usd / price.per)

    def as_of(self, names: Iterable[str]) -> str:
        """The oldest day on which one of these prices was looked up; "" for none."""
        return min((self.listed[name].on for name in names), default="")

    def own(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these prices that are a user's, in place of our list's or where we have none."""
        ours = built_in(self.region).listed if self.region in regions() else {}
        return tuple(sorted(name for name in names if self.listed[name] != ours.get(name)))


def regions() -> tuple[str, ...]:
    """The regions that have a list here."""
    files = (entry.name for entry in resources.files(HERE).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


@cache
def built_in(region: str = REGION) -> Prices:
    """The list of a region. Raises ConfigError where there is none."""
    if region not in regions():
        raise ConfigError(
            f"There is no list of prices for {region!r}, only for {', '.join(regions())};"
            " give a complete one with --prices FILE."
        )
    text = (resources.files(HERE) / f"{region}.yaml").read_text("utf-8")
    return _Reading(f"{region}.yaml", None, None).read(text)


def read(text: str | bytes, name: str, *, today: date | None = None) -> Prices:
    """The prices of a user's file over the list of its region; for a region without a list, the file must have all.

    What a line leaves out of `per` and `unit` is as in our list. Raises ConfigError with a line for each fault; a day
    after `today` is one, where `today` is known.
    """
    return _Reading(name, built_in(), today).read(text)


class _Reading:
    """One file being read. `known` is None for our own lists: they say everything themselves."""

    def __init__(self, name: str, known: Prices | None, today: date | None) -> None:
        self.faults = Faults(name)
        self.name = name
        self.known = known
        self.today = today

    def read(self, text: str | bytes) -> Prices:
        root = document(text, self.name)
        self._keys(root, "", ("region", "prices"))
        region, at = self._region(root)
        found: dict[str, Price] = {}
        listed = root.get("prices")
        if isinstance(listed, Mapping) and listed.entries:
            self._repeated(listed, "")
            for entry in listed.entries:
                price = self._price(entry)
                if price is not None:
                    found[price.name] = price
        else:
            line = listed.line if listed is not None else root.line
            self.faults.add(
                line, "prices", "no prices", f"write `prices:` and below it lines of `dynamodb.write: {FORM}`"
            )
        base = self._base(region, at, listed)
        self.faults.check()
        return Prices(region, base | found)

    def _base(self, region: str, at: int, listed: Node | None) -> dict[str, Price]:
        """What stands in for prices that the file doesn't name: the list of its region."""
        if self.known is None:
            return {}
        if region in regions():
            return built_in(region).listed
        named = {entry.key for entry in listed.entries} if isinstance(listed, Mapping) else set[str]()
        missing = [name for name in self.known.listed if name not in named]
        if missing:
            some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            self.faults.add(
                at,
                "region",
                f"there is no list for {shown(region)}, and {len(missing)} prices are not in this file ({some})",
                f"name them all, or use a region that has a list: {', '.join(regions())}",
            )
        return {}

    def _region(self, root: Mapping) -> tuple[str, int]:
        found = root.get("region")
        if found is None:
            return REGION, root.line
        if not isinstance(found, Scalar) or found.is_null or not found.text.strip():
            self.faults.add(found.line, "region", "no name of a region", f"write `region: {REGION}`")
            return REGION, found.line
        return found.text.strip(), found.line

    def _price(self, entry: Entry) -> Price | None:
        name, at = entry.key, entry.line
        known = self.known.listed.get(name) if self.known else None
        if self.known and known is None:
            do = near(name, self.known.listed, otherwise="the names are those of docs/reference/prices.md")
            self.faults.add(at, name, "no price has this name", do)
            return None
        if name.partition(".")[0] not in SERVICES:
            self.faults.add(at, name, "no service has this name", near(name, SERVICES, otherwise="add it to SERVICES"))
            return None
        if not isinstance(entry.value, Mapping):
            self.faults.add(at, name, "a price without its day and its source", f"write `{name}: {FORM}`")
            return None
        self._keys(entry.value, f"{name}.", FIELDS)
        fields = {one.key: one for one in entry.value.entries}
        needed = NEEDED if known else (*NEEDED, "per", "unit")
        lacking = [key for key in needed if key not in fields]
        for key in lacking:
            self.faults.add(at, name, f"without `{key}`", f"every price needs it: `{FORM}`")
        usd = self._number(name, fields.get("usd"), high=MOST_USD, unit="dollars, for as many as `per` says")
        per = self._number(name, fields.get("per"), low=1, unit="of what `usd` is for")
        unit, source, note = (self._text(name, fields.get(key)) for key in ("unit", "source", "note"))
        on = self._day(name, fields.get("on"))
        if known:
            per, unit = per or known.per, unit or known.unit
        return Price(name, usd, per, unit, on, source, note)

    def _keys(self, mapping: Mapping, prefix: str, known: tuple[str, ...]) -> None:
        self._repeated(mapping, prefix)
        for entry in mapping.entries:
            if entry.key not in known:
                do = near(entry.key, known, otherwise=f"there are {', '.join(known)}")
                self.faults.add(entry.line, prefix + entry.key, "nothing has this name here", do)

    def _repeated(self, mapping: Mapping, prefix: str) -> None:
        for first, again in mapping.repeated():
            self.faults.add(again.line, prefix + again.key, f"it is in line {first.line} too", "keep one of them")

    def _number(self, name: str, entry: Entry | None, *, low: float = 0, high: float = MOST, unit: str) -> float:
        """0 where there is none, or where it is wrong, which is a fault."""
        if entry is None:
            return 0.0
        try:
            return number(entry.value.text if isinstance(entry.value, Scalar) else "", low=low, high=high, unit=unit)
        except Wrong as wrong:
            self.faults.add(entry.line, f"{name}.{entry.key}", wrong.what, wrong.do)
            return 0.0

    def _text(self, name: str, entry: Entry | None) -> str:
        if entry is None:
            return ""
        if isinstance(entry.value, Scalar) and not entry.value.is_null and entry.value.text.strip():
            return entry.value.text.strip()
        do = (
            "say where the price stands: a page or a contract"
            if entry.key == "source"
            else "write a text, or leave it out"
        )
        self.faults.add(entry.line, f"{name}.{entry.key}", "no text", do)
        return ""

    def _day(self, name: str, entry: Entry | None) -> str:
        if entry is None:
            return ""
        key, do = f"{name}.on", "write the day on which you looked it up, as 2026-11-23"
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        try:
            day = date.fromisoformat(text) if DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            self.faults.add(entry.line, key, f"{shown(text)} is no day", do)
            return ""
        if self.today is not None and day > self.today:
            self.faults.add(entry.line, key, f"{text} is yet to come", do)
        return text
