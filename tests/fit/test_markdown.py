"""The Markdown has the whole advice, and nothing that a user wrote means anything in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from msgspec.structs import replace

from leftfold.fit.advice import Advice
from leftfold.fit.report import words
from leftfold.fit.report.markdown import markdown, mermaid, plain
from tests.fit.advices import HOSTILE, TEXTS, advices, few, sample
from tests.fit.worked import ADVISED

READER = MarkdownIt("commonmark").enable("table")
DETAILS = ("<details>", "</details>")


def tokens(text: str) -> Iterator[Any]:
    for token in READER.parse(text):
        yield token
        yield from token.children or []


def meaning(text: str) -> list[str]:
    """What a reader of Markdown takes for more than words, but for our own."""
    found = [str(token.content) for token in tokens(text) if token.type in ("html_inline", "html_block")]
    wrong = [html for html in found if not html.strip().startswith(DETAILS)]
    wrong += [str(token.attrs["href"]) for token in tokens(text) if token.type == "link_open"]
    wrong += [token.type for token in tokens(text) if token.type in ("image", "code_inline", "fence", "heading_open")]
    return wrong


def shown(text: str) -> str:
    return "".join(
        str(token.content) for token in tokens(text) if token.type in ("text", "text_special", "code_inline")
    )


@given(text=TEXTS)
def test_a_users_text_is_only_text(text: str) -> None:
    for around in (f"{plain(text)}", f"- {plain(text)}", f"| a |\n| --- |\n| {plain(text)} |"):
        assert meaning(around) == []


@pytest.mark.parametrize("text", [text for text in HOSTILE if meaning(text)])
def test_text_that_was_not_escaped_is_caught(text: str) -> None:
    assert meaning(text)
    assert meaning(f"- {plain(text)}") == []


def test_some_names_would_mean_something() -> None:
    assert sum(bool(meaning(text)) for text in HOSTILE) >= 3


@few
@given(advice=advices())
def test_links_of_any_advice_are_those_of_its_sources(advice: Advice) -> None:
    found = list(tokens(markdown([advice])))
    links = {str(token.attrs["href"]) for token in found if token.type == "link_open"}
    assert links <= {source.url for source in advice.sources}
    html = [str(token.content) for token in found if token.type in ("html_inline", "html_block")]
    assert all(one.strip().startswith(DETAILS) for one in html)


@few
@given(advice=advices())
def test_every_reason_and_every_line_of_every_bill_is_there(advice: Advice) -> None:
    text = markdown([advice])
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for reason in advice.judgement.reasons:
        assert any(plain(reason.why) in row and f"{reason.weight:+d}"[-1] in row for row in rows)
    lines = [line for bill in advice.bills for line in words.apart(advice, bill)[1]]
    assert sum("`s3.storage`" in row for row in rows) >= len(lines)
    assert all(any(f"| {line.service} | {plain(line.what)} |" in row for row in rows) for line in lines)


@pytest.mark.parametrize("name", [*ADVISED])
def test_every_worked_example_names_each_of_its_sources_with_a_link(name: str) -> None:
    advice = ADVISED[name]
    links = {str(token.attrs["href"]) for token in tokens(markdown([advice])) if token.type == "link_open"}
    assert links == {source.url for source in advice.sources if source.url.startswith("https://")}
    assert links


def test_a_table_has_as_many_cells_in_each_row() -> None:
    widths: list[set[int]] = []
    cells = 0
    for token in tokens(markdown([sample(), sample()])):
        match token.type:
            case "table_open":
                widths.append(set())
            case "tr_open":
                cells = 0
            case "th_open" | "td_open":
                cells += 1
            case "tr_close":
                widths[-1].add(cells)
            case _:
                pass
    assert len(widths) > 10
    assert all(len(found) == 1 for found in widths)


def test_the_document_says_verdict_reasons_costs_design_and_next_steps() -> None:
    text = markdown([sample()])
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[0] == "# orders: yes, event-source this context"
    wanted = [
        "Reasons against",
        "Reasons for",
        "What would flip it",
        "Costs on AWS, in month 12",
        "Design",
        "Next",
        "Answers",
    ]
    places = [headings.index(f"## {title}") for title in wanted]
    assert places == sorted(places)
    assert "[Young 2016](https://young.example)" in text
    assert "| -3 |" in text
    assert "the oldest was looked up on 2026-11-23" in text
    assert "`leftfold init orders`" in text


def test_an_answer_says_whether_it_was_measured_given_or_is_unknown() -> None:
    rows = [line for line in markdown([sample()]).splitlines() if line.startswith("| `")]
    assert "| `commands_per_s` | 20 |  |" in rows
    assert "| `event_bytes` | unknown | measured |" in rows or any(
        "`event_bytes`" in r and "measured" in r for r in rows
    )
    assert "| `team_size` | unknown |  |" in rows
    assert "| `streams` | unknown | counted as 10,000 |" in rows


def test_an_assumption_has_its_unit_and_ours_beside_another_number() -> None:
    text = markdown([replace(sample(), assumed={"peak": 5.0, "record_kb": 25.0})])
    assert "| `peak` | 5 | times; ours is 3 |" in text
    assert "| `record_kb` | 25 | KB |" in text


def test_the_diagram_has_every_service_and_every_arrow() -> None:
    design = sample().design
    lines = mermaid(design).splitlines()
    assert lines[0] == "flowchart LR"
    assert len(lines) == 1 + len(design.services) + len(design.arrows)
    assert all(any(f'"{one.name}"' in line for line in lines) for one in design.services)


def test_several_contexts_have_a_table_in_front() -> None:
    one = sample()
    text = markdown([one, replace(one, answers=replace(one.answers, context="blog"))])
    assert text.startswith("# Does it fit?")
    assert "| blog | yes, event-source this context | low |" in text


def test_the_same_advice_gives_the_same_bytes() -> None:
    assert markdown([sample()]) == markdown([sample()])


def test_prices_of_the_users_own_are_named() -> None:
    assert "Your own: dynamodb.write." in markdown([replace(sample(), own_prices=("dynamodb.write",))])
    assert "Your own" not in markdown([sample()])
