"""The lists that are delivered: a line a price, each with its day and its source, in order; a checker that sees flaws."""

import re
from collections import Counter
from datetime import date
from importlib import resources

import pytest

from leftfold.cloud.bundle.ours import our_files
from leftfold.core.errors import ConfigError
from leftfold.fit.costs.prices import SERVICES, built_in, read, regions

LINE = re.compile(
    r"  (?P<name>[a-z0-9_.]+): \{usd: (?P<usd>[\d.]+), per: (?P<per>[\d_]+), unit: '(?P<unit>[^']+)',"
    r" on: (?P<on>\d{4}-\d\d-\d\d), source: (?P<source>https://aws\.amazon\.com/\S+?)(?:, note: (?P<note>[^}]+))?\}"
)


def text(region: str = "us-east-1") -> str:
    return (resources.files("leftfold.fit.costs") / f"{region}.yaml").read_text("utf-8")


def priced(whole: str) -> list[str]:
    return [line for line in whole.partition("prices:\n")[2].splitlines() if line]


def flaws(whole: str) -> list[str]:
    """What is wrong with a list, in the order of its lines."""
    found: list[str] = []
    names: list[str] = []
    for line in priced(whole):
        match = LINE.fullmatch(line)
        if match is None:
            found.append(f"no price: {line.strip()}")
            continue
        names.append(match["name"])
        if not 0 < float(match["usd"]) < 100 or not int(match["per"]):
            found.append(f"{match['name']}: {match['usd']}")
        if date.fromisoformat(match["on"]) > date(2026, 11, 23):  # the day of the last change of this file
            found.append(f"{match['name']}: {match['on']}")
    found += [f"twice: {name}" for name, count in Counter(names).items() if count > 1]
    return found if names == sorted(names) else [*found, "out of order"]


@pytest.mark.parametrize("region", regions())
def test_every_line_has_its_price_its_day_and_its_source(region: str) -> None:
    assert flaws(text(region)) == []
    prices = built_in(region)
    assert prices.region == region
    assert len(prices.listed) == len(priced(text(region)))
    assert {name.partition(".")[0] for name in prices.listed} == set(SERVICES)


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        (", on: 2026-11-23", "", "no price"),
        (", source: https://aws.amazon.com/api-gateway/pricing/", "", "no price"),
        ("source: https://aws.amazon.com", "source: https://example.com", "no price"),
        ("on: 2026-11-23", "on: 2026-11-24", "2026-11-24"),
        ("usd: 1.0,", "usd: 0,", "api.http: 0"),
        ("usd: 1.0,", "usd: 1000.0,", "api.http: 1000.0"),
        ("  api.http:", "  aurora.io:", "twice: aurora.io"),
        ("  api.http:", "  z.http:", "out of order"),
    ],
)
def test_a_planted_flaw_is_seen(old: str, new: str, flaw: str) -> None:
    whole = text()
    assert old in whole
    assert any(flaw in found for found in flaws(whole.replace(old, new, 1)))


def test_every_region_has_the_same_prices() -> None:
    """What a formula counts with is there wherever one asks."""
    for region in regions():
        assert built_in(region).listed.keys() == built_in().listed.keys()


def test_a_note_says_which_figures_nobody_confirmed() -> None:
    notes = {price.note for price in built_in().listed.values()}
    assert all(note.startswith(("(3p)", "not confirmed")) for note in notes if note)
    heading = text().partition("region:")[0]
    assert "(3p)" in heading
    assert "not confirmed" in heading


def test_a_list_is_a_file_that_a_user_may_give_back() -> None:
    again = read(text(), "mine.yaml")
    assert again == built_in()
    with pytest.raises(ConfigError, match=r"mine\.yaml:\d+: api\.http: without `on`"):
        read(text().replace(", on: 2026-11-23", "", 1), "mine.yaml")


def test_no_function_carries_prices() -> None:
    """A bundle needs no YAML: of ours it takes what its handlers reach."""
    inside = our_files({"x.py": b"import leftfold.lambdas.replayer"}, ["boto", "dynamodb", "s3"])
    assert "leftfold/replaying/plan.py" in inside
    assert [name for name in inside if name.startswith("leftfold/fit/") or name.endswith(".yaml")] == []
