"""The report on a terminal fits a screen, and says first what speaks against."""

import io
import re
from collections.abc import Callable, Sequence
from typing import get_args

import pytest
from hypothesis import given
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from leftfold.cli.advice import BAR, WIDTH, screenful, show_advice
from leftfold.fit.advice import Advice, BreakEven, Measured
from leftfold.fit.costs.workload import UNANSWERED, workload
from leftfold.fit.designs import design
from leftfold.fit.judgement import Flip, Gate, Verdict
from leftfold.fit.report import words
from leftfold.fit.rules import BANDS, GATES, OVERRIDES, RULES, GateRule, Override, Rule, verdict_of
from tests.fit.advices import HOSTILE, advices, answered, few, sample
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
    assert cut(shown) == []
    record_property("figure", f"{name}: {len(shown)} lines of at most {max(map(cell_len, shown))} columns")


def cut(shown: Sequence[str]) -> list[str]:
    """Lines that end in the middle of what they say."""
    return [line for line in shown if "..." in line]


def test_a_line_that_is_cut_is_caught() -> None:
    long = replace(sample().judgement, gates=(Gate("long", "", "x" * 90),))
    assert len(cut(lines(replace(sample(), judgement=long)))) == 1 + len(cut(lines(sample())))


@pytest.mark.parametrize("one", [*RULES, *OVERRIDES, *GATES], ids=lambda one: one.id)
def test_every_rule_has_a_short_form_that_fits_beside_its_source(one: Rule | Override | GateRule) -> None:
    assert 10 <= len(one.brief) <= (47 if isinstance(one, Override) else 55)
    assert one.brief[-1].isalnum()


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_step_of_every_design_fits_or_begins_with_what_fits(verdict: Verdict) -> None:
    for yes in (True, False):
        answers = replace(answered(yes), context="registrations")
        for step in design(answers, verdict, workload(answers, {})).steps:
            steps = replace(ADVISED["orders"], design=replace(ADVISED["orders"].design, steps=(step,)))
            assert cut(lines(steps)) == [], step


@pytest.mark.parametrize("name", [*ADVISED])
@pytest.mark.parametrize("width", [60, 79, 100, 132])
def test_narrow_and_wide_terminals_are_kept_within(name: str, width: int) -> None:
    shown = [line.plain for line in screenful(ADVISED[name], width)]
    assert max(map(cell_len, shown)) <= width
    assert len(shown) < SCREEN[1]
    assert width < WIDTH or cut(shown) == []


def test_a_wide_terminal_has_reasons_in_full_and_a_high_one_has_all() -> None:
    advice = ADVISED["ledger"]
    shown = [line.plain for line in screenful(advice, 132, 40)]
    assert all(any(one.why in line for line in shown) for one in advice.judgement.reasons)
    assert any("more (--out has all)" in line for line in lines(advice))


def test_all_that_we_say_is_ascii() -> None:
    assert all(line.isascii() for advice in ADVISED.values() for line in lines(advice))


def test_a_report_that_is_too_large_is_caught() -> None:
    assert size_faults(["x" * 81])
    assert size_faults(["文" * 41])
    assert size_faults([""] * 24)


def test_the_first_line_is_the_verdict() -> None:
    first = lines(sample())[0]
    assert first.startswith("orders: yes, event-source this context  ")
    assert first.endswith("  low confidence")
    assert lines(sample())[1] == "Score 5 (3 to 9): from 7 event-source, 3 core-only, -1 outbox, else plain"


def test_the_scale_of_scores_is_that_of_the_rules() -> None:
    said = lines(sample())[1].partition(": from ")[2]
    bands = [part.split() for part in said.partition(", else ")[0].split(", ")]
    assert [(int(least), verdict) for least, verdict in bands] == [*BANDS]
    assert said.endswith(f", else {verdict_of(BANDS[-1][0] - 1)}")


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("event-source", "yes, event-source"), ("core-only", "in part, "), ("plain", "no, plain tables")],
)
def test_the_first_line_answers_whether_it_fits(verdict: Verdict, said: str) -> None:
    judged = replace(sample().judgement, verdict=verdict)
    assert lines(replace(sample(), judgement=judged))[0].startswith(f"orders: {said}")


def test_a_whole_system_is_never_told_yes() -> None:
    advice = sample()
    assert lines(advice)[0].startswith("orders: yes, ")
    whole = replace(advice, answers=replace(advice.answers, whole_system=True))
    assert lines(whole)[0].startswith("orders: not as a whole; a part like it: event-source ")


@pytest.mark.parametrize(
    ("lowest", "highest", "unknown", "early"),
    [
        (-30, 15, "crud_verbs", True),
        (-2, 7, "crud_verbs", True),
        (-1, 15, "crud_verbs", False),
        (-30, 6, "crud_verbs", False),
        (-30, 15, "team_size", False),  # what would flip it is known
    ],
)
def test_what_could_still_be_anything_is_no_answer_yet(lowest: int, highest: int, unknown: str, early: bool) -> None:
    flips = (Flip({"crud_verbs": True}, "outbox"), Flip({"crud_verbs": True, "team_size": 1}, "plain"))
    judged = replace(sample().judgement, lowest=lowest, highest=highest, unknown=(unknown,), flips=flips, override=None)
    said = lines(replace(sample(), judgement=judged))[0]
    assert said.startswith("orders: too early to say; so far: event-source ") is early


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
    assert "Would flip it: team_experience none and bulk_updates yes (core-only)" in shown


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
    assert "Cheaper than a plain table below 310 commands/s, dearer above." in shown
    assert "$415 in the first month, $756 after 7 years" in shown
    assert "1 measured, 2 unknown; guessed: streams 10,000" in shown
    assert "in month 12, prices as of 2026-11-23 in us-east-1" in shown
    assert "Left out: data transfer, support plans, development hours; all with --out" in shown


@pytest.mark.parametrize(
    ("commands_s", "said"),
    [
        (0.00215, "186 commands a day"),
        (0.0457, "3,950 commands a day"),
        (1e-6, "0.086 commands a day"),
        (0.26432, "0.26 commands/s"),
        (1.0101, "1 command/s"),
        (1.2345, "1.2 commands/s"),
        (310.4, "310 commands/s"),
        (12_345, "12,300 commands/s"),
    ],
)
def test_a_rate_has_the_digits_that_one_reads(commands_s: float, said: str) -> None:
    assert words.rate(commands_s) == said


def test_a_rival_that_is_met_when_loads_fall_is_told_so() -> None:
    advice = replace(sample(), break_evens=(BreakEven("event-source", "plain:rds", 4.0, 90.0, 0.2),))
    assert "Dearer than PostgreSQL on RDS below 4 commands/s, cheaper above." in lines(advice)
    assert "Dearer than a plain table at every load tried, up to 1,000 commands/s." in lines(
        replace(advice, break_evens=())
    )


def test_what_was_measured_and_guessed_is_told_as_far_as_there_is_room() -> None:
    measured = Measured(
        "bank on sqlite:a/very/long/way/to/a/store/of/a/bank.db", {"event_bytes": 95.7}, {"commits": 49_102}
    )
    shown = lines(replace(sample(), measured=measured, unanswered=tuple(UNANSWERED)))
    assert any(line.startswith("Measured: 95.7 bytes an event, 49,102 commands with events") for line in shown)
    assert any("unknown; guessed: commands_per_s 1" in line for line in shown)


def test_a_bill_over_the_budget_says_so() -> None:
    advice = sample()
    poor = replace(advice, over_budget=True, answers=replace(advice.answers, budget_usd_month=100.0))
    assert "!  Over the budget of $100 a month" in lines(poor)
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


def test_guesses_of_the_costs_are_whole_or_counted() -> None:
    advice = replace(sample(), measured=None, unanswered=("streams", "event_bytes", "events_per_command"))
    (shown,) = [line for line in lines(advice) if line.startswith("Answers: ")]
    assert shown.endswith("; guessed: streams 10,000 (and 2 more)")
    (narrow,) = [line.plain for line in screenful(advice, 60) if line.plain.startswith("Answers: ")]
    assert narrow.endswith("; guessed: 3")
