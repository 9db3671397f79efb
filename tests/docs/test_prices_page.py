"""docs/reference/prices.md shows every price of the list with its source, and no other."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from leftfold.fit.costs.prices import Prices, built_in

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "prices.md"


def table(prices: Prices) -> str:
    """The part of the page that is drawn from the list: put it there when the list changes."""
    lines: list[str] = []
    service = ""
    for price in prices.listed.values():
        if price.service != service:
            service = price.service
            sources = dict.fromkeys(one.source for one in prices.listed.values() if one.service == service)
            lines += ["", f"### {service}", f"Source: {', '.join(f'<{source}>' for source in sources)}", ""]
            lines += ["| price | dollars | for | |", "|---|---|---|---|"]
        count = f"{price.per:,.0f} x " if price.per != 1 else ""
        lines.append(
            f"| `{price.name}` | {price.usd:.10f}".rstrip("0").rstrip(".") + f" | {count}{price.unit} | {price.note} |"
        )
    return "\n".join(lines)


def drawn(page: str) -> str:
    return page.partition("## us-east-1, looked up on 2026-11-23\n")[2].rstrip("\n")


def test_the_page_shows_the_list() -> None:
    assert drawn(PAGE.read_text()) == table(built_in())
    assert {price.on for price in built_in().listed.values()} == {"2026-11-23"}


@pytest.mark.parametrize(
    "change", [{"usd": 0.626}, {"unit": "unit"}, {"source": "https://aws.amazon.com/"}, {"note": "n"}]
)
def test_a_page_that_is_behind_is_caught(change: dict[str, object]) -> None:
    other = replace(built_in()["dynamodb.write"], **change)
    assert drawn(PAGE.read_text()) != table(replace(built_in(), listed=built_in().listed | {other.name: other}))
