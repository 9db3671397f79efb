"""The HTML is one file that loads nothing, runs nothing, and takes no user's word for markup."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from msgspec.structs import replace

from leftfold.fit.advice import Advice
from leftfold.fit.report import words
from leftfold.fit.report.html import html
from leftfold.fit.report.svg import esc
from tests.fit import pictures
from tests.fit.advices import HOSTILE, advices, few, sample
from tests.fit.worked import ADVISED

VOID: Final = {"meta", "br", "hr", "img", "link", "input"}
KNOWN: Final = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "article",
        "h1",
        "h2",
        "h3",
        "p",
        "a",
        "strong",
        "code",
        "dl",
    ),
    *("div", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "details", "summary"),
    *("svg", "desc", "defs", "marker", "path", "text", "line", "rect", "polyline", "circle"),
}
ATTRIBUTES: Final = {
    *(
        "lang",
        "charset",
        "name",
        "content",
        "class",
        "scope",
        "id",
        "href",
        "open",
        "xmlns",
        "role",
        "aria-labelledby",
        "viewbox",
        "style",
    ),
    *(
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "width",
        "height",
        "points",
        "d",
        "data-of",
        "text-anchor",
    ),
    *("refx", "refy", "markerwidth", "markerheight", "orient", "marker-start", "marker-end"),
}
FIGURE: Final = re.compile(r"<svg.*?</svg>", re.DOTALL)


class Reader(HTMLParser):
    """What a browser would find: faults, links, ids and words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag not in KNOWN:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.faults.append(f"{tag} {name}")
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("href", "src") or (name.startswith("marker-") and not (value or "").startswith("url(#")):
                self.faults.append(f"{tag} loads {value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")


def reader(page: str) -> Reader:
    found = Reader()
    found.feed(page)
    found.close()
    found.faults += [f"<{tag}> stays open" for tag in found.open]
    found.faults += [f"id {id} twice" for id in {*found.ids} if found.ids.count(id) > 1]
    found.faults += re.findall(r"@import|url\((?!#)", page)
    return found


@few
@given(advice=advices())
def test_any_advice_is_a_page_that_loads_and_runs_nothing(advice: Advice) -> None:
    found = reader(html([advice]))
    assert found.faults == []
    assert {*found.links} <= {source.url for source in advice.sources}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(name: str) -> None:
    one = sample()
    page = html([replace(one, answers=replace(one.answers, context=name))] * 2)
    found = reader(page)
    assert found.faults == []
    wanted = "".join(letter if ord(letter) >= 32 and ord(letter) != 127 else " " for letter in name)
    assert sum(wanted in said for said in found.said) >= 3


@pytest.mark.parametrize(
    "planted",
    [
        "<script>1</script>",
        '<img src="https://a.example/b.png">',
        '<link rel="stylesheet" href="https://a.example/c.css">',
        "<p onclick='x()'>a</p>",
        "<p>a",
        "</main>",
        "<style>@import 'a.css'; p { background: url(b.png) }</style>",
        '<p id="c0">a</p>',
        "<!-- a -->",
    ],
)
def test_a_planted_fault_is_caught(planted: str) -> None:
    page = html([sample()])
    assert reader(page).faults == []
    assert reader(page.replace("<h2>Why</h2>", f"<h2>Why</h2>{planted}")).faults


def test_every_picture_is_xml_with_a_title_and_a_description() -> None:
    for advice in (sample(), *ADVISED.values()):
        figures = FIGURE.findall(html([advice]))
        assert len(figures) == 4
        for figure in figures:
            picture = pictures.read(figure)
            ids = [one.get("id") for one in picture if one.tag.endswith(("title", "desc"))]
            assert (picture.get("aria-labelledby") or "").split() == ids
            assert picture.get("role") == "img"
            assert all(one.text for one in picture if one.tag.endswith(("title", "desc")))


@few
@given(advice=advices())
def test_the_pictures_of_any_advice_are_xml(advice: Advice) -> None:
    assert [pictures.read(figure).tag for figure in FIGURE.findall(html([advice]))]


def test_the_page_says_verdict_reasons_costs_design_and_steps_in_this_order() -> None:
    advice = ADVISED["orders"]
    page = html([advice])
    titles = [
        "Yes, event-source this context",
        ">Why<",
        ">Against<",
        ">For<",
        "What it costs on AWS",
        "The design",
        "What to do next",
    ]
    places = [page.index(title) for title in titles]
    assert places == sorted(places)
    assert all(esc(reason.why) in page for reason in advice.judgement.reasons)
    assert all(words.usd(bill.usd) in page for bill in advice.bills)
    assert all(esc(line.what) in page for bill in advice.bills for line in bill.lines)
    assert all(f">{esc(source.title)}</a>" in page or esc(source.title) in page for source in advice.sources)
    assert advice.prices_as_of in page
    assert all(esc(one) in page for one in advice.left_out)


def test_the_table_of_alternatives_says_what_each_lacks() -> None:
    for advice in ADVISED.values():
        page = html([advice])
        rows = {bill.alternative: f"<td>{esc(bill.alternative)}</td>" for bill in advice.bills}
        for id, lacks in advice.lacks.items():
            row = page[page.index(rows[id]) :].partition("</tr>")[0]
            assert f"<td>{esc(lacks)}</td>" in row


def test_lines_that_all_bills_share_are_told_once() -> None:
    advice = ADVISED["orders"]
    page = html([advice])
    shared, own = words.apart(advice, advice.bills[-1])
    assert shared
    assert own
    assert f"{len(shared)} lines as in the bill of event-source" in page
    for bill in advice.bills:
        assert sum(line.usd for part in words.apart(advice, bill) for line in part) == pytest.approx(bill.usd)
    ways_in = (
        f'<td>{esc(shared[0].service)}</td><td>{esc(shared[0].what)}</td><td class="n">{words.usd(shared[0].usd)}</td>'
    )
    assert page.count(ways_in) == 1


def test_gates_clashes_and_a_broken_budget_stand_out() -> None:
    one = sample()
    page = html([replace(one, over_budget=True)])
    alerts = re.findall(r'<div class="alert">(.*?)</div>', page)
    assert len(alerts) == 3
    assert "Split the key" in alerts[0]
    assert "clash" in alerts[1]
    assert "$3,000" in alerts[2]


def test_it_has_a_viewport_a_dark_side_and_a_printed_one() -> None:
    page = html([sample()])
    assert 'name="viewport" content="width=device-width' in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def _shades(style: str) -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block)) for block in blocks)
    return [light, light | dark]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, of two colours."""
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


def _light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_letters_stand_out_from_what_is_under_them_in_light_and_dark() -> None:
    shades = _shades(html([sample()]))
    for shade in shades:
        for letters in ("ink", "soft", "accent", "against", "for"):
            for under in ("paper", "wash"):
                assert contrast(shade[letters], shade[under]) >= 4.5, (letters, under)
        for under in ("against", "for"):
            assert contrast(shade["on-bar"], shade[under]) >= 4.5, under
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777", "#888") < 4.5


def test_several_contexts_have_a_table_in_front_that_leads_to_each() -> None:
    page = html([*ADVISED.values()])
    found = reader(page)
    assert found.faults == []
    assert [link for link in found.links if link.startswith("#")] == [f"#c{place}" for place in range(len(ADVISED))]
    assert {f"c{place}" for place in range(len(ADVISED))} <= {*found.ids}


def test_the_same_advice_gives_the_same_bytes(tmp_path: Path) -> None:
    for place in range(2):
        (tmp_path / f"{place}.html").write_text(html([sample()]), encoding="utf-8")
    assert (tmp_path / "0.html").read_bytes() == (tmp_path / "1.html").read_bytes()


def test_guesses_and_changed_assumptions_are_said() -> None:
    page = html([replace(sample(), assumed={"peak": 5.0})])
    assert "<td><code>streams</code></td><td>unknown</td><td>counted as 10,000</td>" in page
    assert "times; ours is 3" in page
