"""Prices: the list, a user's file in its place, and every mistake in it with its line."""

import subprocess
import sys
from datetime import date

import pytest

from leftfold.core.errors import ConfigError
from leftfold.fit.costs.prices import FIELDS, Prices, built_in, read, regions

NAME = "mine.yaml"


def one(fields: str, name: str = "dynamodb.write") -> str:
    return f"region: us-east-1\nprices:\n  {name}: {{{fields}}}\n"


def faults(text: str | bytes, *, today: date | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, NAME, today=today)
    return str(caught.value).splitlines()


def test_the_list_says_what_aws_says() -> None:
    price = built_in()["dynamodb.write"]
    assert (price.usd, price.per, price.unit, price.service) == (0.625, 1_000_000, "write request unit", "DynamoDB")
    assert price.each == pytest.approx(0.000000625)
    assert built_in().region == "us-east-1"


def test_a_line_is_single_units_at_the_price() -> None:
    line = built_in().line("dynamodb.write", 3_000_000, "commits")
    assert (line.service, line.what, line.quantity, line.unit) == ("DynamoDB", "commits", 3e6, "write request unit")
    assert line.price == "dynamodb.write"
    assert line.usd == pytest.approx(1.875)


@pytest.mark.parametrize("quantity", [-1.0, float("nan"), float("inf")])
def test_a_quantity_that_is_none_is_a_bug_of_ours(quantity: float) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        built_in().line("s3.get", quantity, "")


def test_a_region_without_a_list_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match="no list of prices for 'mars-1', only for us-east-1; give a complete one"):
        built_in("mars-1")
    assert regions() == ("us-east-1",)


def test_a_users_line_takes_the_place_of_ours() -> None:
    found = read(one("usd: 0.5, on: 2026-10-01, source: our contract"), NAME)
    assert found["dynamodb.write"].each == pytest.approx(0.5e-6)  # for as many as AWS quotes
    assert found["dynamodb.write"].unit == "write request unit"
    assert (found["dynamodb.write"].on, found["dynamodb.write"].source) == ("2026-10-01", "our contract")
    assert found["s3.get"] == built_in()["s3.get"]
    assert found.as_of(["s3.get", "dynamodb.write"]) == "2026-10-01"
    assert found.as_of(["s3.get"]) == "2026-11-23"
    assert found.as_of([]) == ""


@pytest.mark.parametrize(
    ("fields", "each"),
    [
        ("usd: 7e-7, per: 1, on: 2026-10-01, source: s", 7e-7),
        ("usd: 1_000.5, per: 1_000, on: 2026-10-01, source: s", 1.0005),
        ("usd: '2', per: 4, unit: pair, on: '2026-10-01', source: s, note: n", 0.5),
        ("usd: 0, on: 2026-10-01, source: s", 0.0),
    ],
)
def test_a_price_is_for_as_many_as_it_says(fields: str, each: float) -> None:
    assert read(one(fields), NAME)["dynamodb.write"].each == pytest.approx(each)


def test_a_block_is_as_good_as_a_line() -> None:
    text = "prices:\n  s3.put:\n    usd: 0.006\n    per: 1_000\n    on: 2026-10-01\n    source: >\n      a page\n"
    assert (read(text, NAME)["s3.put"].usd, read(text, NAME)["s3.put"].source) == (0.006, "a page")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (one("usd: 1, source: s"), "3: dynamodb.write: without `on`; every price needs it"),
        (one("on: 2026-10-01, source: s"), "3: dynamodb.write: without `usd`; every price needs it"),
        (one("usd: 1, on: 2026-10-01"), "3: dynamodb.write: without `source`; every price needs it"),
        (one("usd: 1, on: 2026-13-01, source: s"), "3: dynamodb.write.on: '2026-13-01' is no day; write the day"),
        (one("usd: 1, on: 2026-02-29, source: s"), "3: dynamodb.write.on: '2026-02-29' is no day"),
        (one("usd: 1, on: 20261001, source: s"), "3: dynamodb.write.on: '20261001' is no day"),
        (one("usd: 1, on: autumn, source: s"), "3: dynamodb.write.on: 'autumn' is no day"),
        (one("usd: 1, on: , source: s"), "3: dynamodb.write.on: '' is no day"),
        (one("usd: 1, on: 2026-11-24, source: s"), "3: dynamodb.write.on: 2026-11-24 is yet to come"),
        (
            one("usd: -1, on: 2026-10-01, source: s"),
            "3: dynamodb.write.usd: '-1' is negative; write 0 or more (dollars, for as many as `per` says)",
        ),
        (one("usd: .nan, on: 2026-10-01, source: s"), "3: dynamodb.write.usd: '.nan' can't be counted with"),
        (one("usd: nan, on: 2026-10-01, source: s"), "3: dynamodb.write.usd: 'nan' can't be counted with"),
        (
            one("usd: 1e999, on: 2026-10-01, source: s"),
            "3: dynamodb.write.usd: '1e999' is out of range; write 0 to 1_000_000_000 (dollars",
        ),
        (
            one("usd: $1, on: 2026-10-01, source: s"),
            "3: dynamodb.write.usd: '$1' has a unit; write the number alone (dollars",
        ),
        (one("usd: '1,000', on: 2026-10-01, source: s"), "3: dynamodb.write.usd: '1,000' is in groups; write 1_000"),
        (one("usd: \u0663, on: 2026-10-01, source: s"), "3: dynamodb.write.usd: '\u0663' is no number"),
        (one("usd: 1e300, on: 2026-10-01, source: s"), "3: dynamodb.write.usd: '1e300' is out of range"),
        (one("usd: 1, per: 1e-300, on: 2026-10-01, source: s"), "3: dynamodb.write.per: '1e-300' is out of range"),
        (one("usd: 1", name="x" * 99), f"3: {'x' * 40 + '...'!r}: no price has this name"),
        (one("usd: [1], on: 2026-10-01, source: s"), "3: dynamodb.write.usd: '' is no number"),
        (one("usd: 1, per: 0, on: 2026-10-01, source: s"), "3: dynamodb.write.per: '0' is out of range; write 1 to"),
        (one("usd: 1, on: 2026-10-01, source: ''"), "3: dynamodb.write.source: no text; say where the price stands"),
        (one("usd: 1, on: 2026-10-01, source: {a: b}"), "3: dynamodb.write.source: no text"),
        (one("usd: 1, on: 2026-10-01, source: s, dollars: 3"), "3: dynamodb.write.dollars: nothing has this name here"),
        (one("usd: 1, usd: 2, on: 2026-10-01, source: s"), "3: dynamodb.write.usd: it is in line 3 too; keep one"),
        (
            one("usd: 1", name="dynamodb.wrte"),
            "3: dynamodb.wrte: no price has this name; did you mean 'dynamodb.write'?",
        ),
        (one("usd: 1", name="mainframe.hour"), "3: mainframe.hour: no price has this name; the names are those"),
        ("prices:\n  s3.get: 0.0004\n", "2: s3.get: a price without its day and its source; write `s3.get: {usd"),
        ("prices:\n", "1: prices: no prices; write `prices:`"),
        ("region: us-east-1\n", "1: prices: no prices"),
        ("prices: 3\n", "1: prices: no prices"),
        ("price:\n  s3.get: 1\n", "1: price: nothing has this name here; did you mean 'prices'?"),
        ("region: []\nprices:\n  s3.get: {usd: 1, on: 2026-10-01, source: s}\n", "1: region: no name of a region"),
        ("prices:\n  s3.get: {usd: 1\n", "3: no YAML: "),
        ("- 1\n", "1: the file is no mapping"),
        (b"prices:\n  s3.get: \xff\n", "2: the file is not UTF-8"),
    ],
)
def test_a_mistake_is_said_with_its_line(text: str | bytes, said: str) -> None:
    assert any(line.startswith(f"{NAME}:{said}") for line in faults(text, today=date(2026, 11, 23))), faults(text)


def test_all_mistakes_come_at_once_in_the_files_order() -> None:
    text = """region: us-east-1
prices:
  s3.put: {usd: -1, on: 2026-10-01, source: s}
  s3.gett: {usd: 1}
  dynamodb.write: {usd: 1, on: soon, source: s}
  s3.put: {usd: 1, on: 2026-10-01, source: s}
"""
    assert [line.partition(";")[0] for line in faults(text)] == [
        "mine.yaml:3: s3.put.usd: '-1' is negative",
        "mine.yaml:4: s3.gett: no price has this name",
        "mine.yaml:5: dynamodb.write.on: 'soon' is no day",
        "mine.yaml:6: s3.put: it is in line 3 too",
    ]


def test_of_the_future_only_who_knows_today_can_speak() -> None:
    assert read(one("usd: 1, on: 2999-01-01, source: s"), NAME)["dynamodb.write"].on == "2999-01-01"


def whole(region: str, prices: Prices) -> str:
    lines = [
        f"  {name}: {{usd: {2 * price.usd!r}, on: 2026-10-01, source: s}}" for name, price in prices.listed.items()
    ]
    return "\n".join([f"region: {region}", "prices:", *lines])


def test_another_region_needs_every_price() -> None:
    text = whole("eu-central-1", built_in())
    found = read(text, NAME)
    assert found.region == "eu-central-1"
    assert found["states.transition"].each == pytest.approx(50e-6)
    assert found.listed.keys() == built_in().listed.keys()
    without = "\n".join(line for line in text.splitlines() if "s3.get" not in line and "sqs" not in line)
    assert faults(without) == [
        "mine.yaml:1: region: there is no list for 'eu-central-1', and 2 prices are not in this file (s3.get,"
        " sqs.request); name them all, or use a region that has a list: us-east-1"
    ]


def test_the_fields_that_are_told_of_are_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=", ".join(FIELDS)):
        read(one("usd: 1, on: 2026-10-01, source: s, q: 3"), NAME)


def test_prices_are_known_without_yaml_until_they_are_read() -> None:
    code = (
        "import sys, leftfold.fit.costs.prices as p, leftfold.replaying.plan;"
        "before = 'yaml' in sys.modules; p.built_in(); print(before, 'yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
