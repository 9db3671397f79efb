"""The report on a terminal fits a screen, and says first what speaks against."""

import io
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from leftfold.cli.advice import BAR, WIDTH, screenful, show_advice
from leftfold.fit.advice import Advice
from tests.fit.advices import HOSTILE, advices, few, sample
from tests.fit.worked import ADVISED

SCREEN = (80, 24)


def lines(advice: Advice) -> list[str]:
    return [line.plain for line in screenful(advice)]


def size_faults(shown: Sequence[str]) -> list[str]:
    wide = [line for line in shown if cell_len(line) > SCREEN[0]]
    return [*wide, *([f"{len(shown)} lines"] if len(shown) >= SCREEN[1] else [])]


@few
@given(advice=advices())
def test_any_advice_fits_a_screen(advice: Advice) -> None:
    shown = lines(advice)
    assert size_faults(shown) == []
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for line in shown for letter in line)


@pytest.mark.parametrize("name", [*ADVISED])
def test_every_worked_example_fits_a_screen(name: str, record_property: Callable[[str, object], None]) -> None:
    shown = lines(ADVISED[name])
    assert size_faults(shown) == []
    assert shown[0].startswith(f"{name}: ")
    assert shown[-1].startswith("  ")  # what to do next
    record_property("figure", f"{name}: {len(shown)} lines of at most {max(map(cell_len, shown))} columns")


def test_a_report_that_is_too_large_is_caught() -> None:
    assert size_faults(["x" * 81])
    assert size_faults(["文" * 41])
    assert size_faults([""] * 24)


def test_the_first_line_is_the_verdict() -> None:
    first = lines(sample())[0]
    assert first.startswith("orders: event-source this context")
    assert "score 5 (3..9)" in first
    assert "low confidence" in first


def test_reasons_against_come_first_with_weight_and_source() -> None:
    shown = lines(sample())
    places = {
        weight: [at for at, line in enumerate(shown) if line.startswith(weight)] for weight in (" -3", " -2", " +3")
    }
    assert all(places.values())
    assert max(*places[" -3"], *places[" -2"]) < min(places[" +3"])
    assert shown[places[" -3"][0]].endswith("Young 2016")


@few
@given(advice=advices())
def test_no_reason_is_lost_without_a_word(advice: Advice) -> None:
    shown = lines(advice)
    reasons = [line for line in shown if line[:5].strip(" +-").isdigit() and line[3:5] == "  "]
    more = [line for line in shown if line.startswith("     and ")]
    hidden = int(more[0].split()[1]) if more else 0
    assert len(reasons) + hidden == len(advice.judgement.reasons)


def test_gates_clashes_and_flips_stand_out() -> None:
    shown = "\n".join(lines(sample()))
    assert "!  First: Split the key" in shown
    assert "!  Clash: crud_verbs, process_rich" in shown
    assert "Would flip it: core-only: team_experience none" in shown


def test_the_bars_are_as_long_as_the_bills() -> None:
    advice = sample()
    found = [re.match(r"[> ] (\S+) +(#+) ", line) for line in lines(advice)]
    bars = {one[1]: len(one[2]) for one in found if one}
    bills = {bill.alternative: bill.usd for bill in advice.bills}
    assert bars["event-source"] == BAR
    assert len(bars) == 4
    for id, cells in bars.items():
        assert abs(cells - BAR * bills[id] / bills["event-source"]) <= 0.5


def test_costs_say_break_even_growth_and_what_they_stand_on() -> None:
    shown = "\n".join(lines(sample()))
    assert "Above 310 commands/s event-source costs more than plain (both $900 there)." in shown
    assert "$415 in the first month, $756 after 7 years" in shown
    assert "1 measured, 2 unknown; the costs guess streams 10,000" in shown
    assert "us-east-1, from 2026-11-23" in shown
    assert "Left out: data transfer" in shown


def test_a_bill_over_the_budget_says_so() -> None:
    advice = sample()
    poor = replace(advice, over_budget=True, answers=replace(advice.answers, budget_usd_month=100.0))
    assert "over the budget of $100" in "\n".join(lines(poor))
    assert "budget" not in "\n".join(lines(advice))


def test_the_next_steps_are_commands_to_copy() -> None:
    assert "  leftfold init orders  # " in "\n".join(lines(sample()))


def test_a_pipe_gets_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    show_advice([sample()])
    assert capsys.readouterr().out.splitlines() == lines(sample())


def test_colours_add_nothing_to_what_is_said() -> None:
    coloured = io.StringIO()
    Console(file=coloured, force_terminal=True, width=WIDTH, color_system="standard").print(
        *screenful(sample()), sep="\n"
    )
    assert "\x1b[" in coloured.getvalue()
    plain = io.StringIO()
    Console(file=plain, width=WIDTH).print(*screenful(sample()), sep="\n")
    assert [line.rstrip() for line in plain.getvalue().splitlines()] == [line.rstrip() for line in lines(sample())]


def test_several_contexts_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    one = sample()
    odd = [replace(one, answers=replace(one.answers, context=name)) for name in ("blog", *HOSTILE)]
    show_advice(odd)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 1 + len(odd)
    assert shown[1].split()[0] == "blog"
    assert shown[1].endswith("$411")
    assert size_faults(shown[:20]) == []
