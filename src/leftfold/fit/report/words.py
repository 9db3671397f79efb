"""Figures and sentences that every form of the report says in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leftfold.fit.advice import Advice, BreakEven, Curve
from leftfold.fit.answers import KEYS, Value
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.fit.costs.bills import Bill
from leftfold.fit.costs.workload import UNANSWERED
from leftfold.fit.judgement import TITLES, Flip, Reason, Verdict

TELLING: Final = 5  # alternatives that are shown beside each other: more are a table, not a comparison
COMPARABLE: Final = "All of them carry the same load; not each of them does the same: see what is left out."
CHEAPER: Final = 0.95  # of the advised bill: a variant that saves less is not worth a word
DEARER: Final = 3.0  # times the advised bill: a variant that costs so much more is a warning
COMPARED: Final[tuple[Verdict, ...]] = ("plain", "event-source", "outbox", "core-only", "stream")
"""Whom a reader wants to see beside what is advised, in this order."""

MEASURED: Final = {
    "event_bytes": "bytes an event",
    "commits": "commands with events",
    "streams": "streams",
    "queries_per_command": "queries a command",
}
"""What is told first of what was measured: answers and facts, each with its unit."""


def usd(amount: float) -> str:
    """Dollars as one reads them: `$0.04`, `$12.30`, `$1,234`. A cent is the smallest."""
    if abs(amount) < 0.005:
        return "$0" if amount == 0 else "under $0.01"
    return f"${amount:,.2f}" if abs(amount) < 99.995 else f"${amount:,.0f}"


def each(amount: float, quantity: float) -> str:
    """The price of one, or of a million where one costs next to nothing."""
    if not quantity:
        return ""
    one = amount / quantity
    return f"${one * 1e6:.6g} a million" if one < 1e-3 else f"${one:.6g}"


def number(value: float) -> str:
    """Three digits that count, whole numbers as they are."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def count(many: int, noun: str) -> str:
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"


def answer(value: Value | None) -> str:
    """An answer as one writes it into the file."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value) or "none"
        case str():
            return value
        case int() | float():
            return number(value)


def score(advice: Advice) -> str:
    """`8`, or with unknown answers `8 (5 to 10)`."""
    judged = advice.judgement
    known = judged.lowest == judged.highest
    return f"{judged.score}" if known else f"{judged.score} ({judged.lowest} to {judged.highest})"


def title(verdict: Verdict) -> str:
    return TITLES[verdict]


def alternative(advice: Advice, id: str) -> str:
    return advice.titles.get(id, id)


def signed(weight: int) -> str:
    return f"{weight:+d}" if weight else "0"


def against(advice: Advice) -> list[Reason]:
    return [reason for reason in advice.judgement.reasons if reason.weight < 0]


def in_favour(advice: Advice) -> list[Reason]:
    return [reason for reason in advice.judgement.reasons if reason.weight >= 0]


def cited(advice: Advice, id: str) -> str:
    """A source in two words: `Young 2016`."""
    found = next((source for source in advice.sources if source.id == id), None)
    if found is None:
        return id
    if not found.url.startswith("http"):
        return "our judgement"
    return f"{found.who.partition(',')[0].split()[-1]} {found.year}"


def flip(one: Flip) -> str:
    """`crud_verbs yes and team_size 2`."""
    return " and ".join(f"{key} {answer(value)}" for key, value in one.answers.items())


def telling(advice: Advice, most: int = TELLING) -> tuple[Bill, ...]:
    """The advised alternative first, then whom one compares it with, and what is left by price. No more than `most`."""
    advised, others = advice.bills[0], list(advice.bills[1:])
    known = {bill.alternative: bill for bill in others}
    wanted = [*_variant(advice), *(known[id] for id in COMPARED if id in known)]
    wanted += [bill for bill in others if ":" not in bill.alternative and bill not in wanted]
    wanted += [bill for bill in others if bill not in wanted]
    return (advised, *sorted(wanted[: most - 1], key=lambda bill: bill.usd))


def _variant(advice: Advice) -> list[Bill]:
    """Another way to build what is advised, where it is worth a word: it saves something, or is the mistake to avoid."""
    advised = advice.bills[0].usd
    own = [bill for bill in advice.bills[1:] if bill.alternative.startswith(f"{advice.verdict}:")]
    cheaper = [bill for bill in own if bill.usd < CHEAPER * advised]
    return cheaper[:1] or [bill for bill in own[-1:] if bill.usd > DEARER * advised]


def largest(bill: Bill) -> list[str]:
    """`DynamoDB $210`, `Lambda $95`: the dearest first."""
    return [f"{service} {usd(dollars)}" for service, dollars in bill.by_service().items()]


def curve(advice: Advice, id: str) -> Curve | None:
    return next((one for one in advice.curves if one.alternative == id), None)


def growth(advice: Advice) -> str:
    """What time adds to the advised alternative's bill."""
    found = curve(advice, advice.bills[0].alternative)
    if found is None or not found.months:
        return ""
    first, last = found.usd[0], found.usd[-1]
    if usd(first) == usd(last):
        return f"The bill stays at {usd(first)} a month: hardly anything is kept for long."
    return f"{usd(first)} in the first month, {usd(last)} after {span(found.months[-1])}, as what is kept grows."


def span(months: int) -> str:
    years = months / 12
    return count(months, "month") if months < 24 else f"{number(round(years, 1))} years"


def crossing(advice: Advice, bills: Sequence[Bill]) -> str:
    """Where the advised alternative meets one of these bills' alternatives, nearest to today's load; or that it doesn't."""
    own, others = advice.bills[0].alternative, [bill.alternative for bill in bills[1:]]
    met = [one for one in advice.break_evens if own in (one.cheaper, one.dearer)]
    found = [one for one in met if one.cheaper in others or one.dearer in others]
    if found:
        return break_even(min(found, key=lambda one: max(one.factor, 1 / one.factor)))
    if not others:
        return ""
    other = "plain" if "plain" in others else others[0]
    less = next(bill.usd for bill in bills if bill.alternative == other) < bills[0].usd
    return f"At every load that was tried {other} stays {'cheaper' if less else 'dearer'} than {own}."


def break_even(one: BreakEven) -> str:
    """From which rate on which alternative is the cheaper one."""
    return (
        f"Above {number(one.commands_s)} commands/s {one.dearer} costs more than {one.cheaper} "
        f"(both {usd(one.usd)} there)."
    )


def answered(advice: Advice) -> str:
    """How many answers were measured, given and unknown, and on which guesses and how many assumptions the costs stand."""
    unknown = len(advice.judgement.unknown)
    measured = len(advice.measured.answers) if advice.measured else 0
    given = max(0, len(KEYS) - unknown - measured)
    parts = [f"{given} given", *([f"{measured} measured"] if measured else []), f"{unknown} unknown"]
    guesses = [f"{key} {number(UNANSWERED[key])}" for key in advice.unanswered]
    assumptions = count(len(advice.assumed), "assumption")
    costs = (
        f"the costs guess {', '.join(guesses)}, and make {assumptions}" if guesses else f"{assumptions} in the costs"
    )
    return f"Answers: {', '.join(parts)}; {costs}."


def stand_in(advice: Advice, key: str) -> str:
    """What the costs count with in place of an answer; nothing where they have it, or don't need it."""
    return f"counted as {number(UNANSWERED[key])}" if key in advice.unanswered else ""


def assumption(name: str, value: float) -> str:
    """What an assumption is counted in, and our number where this is another one."""
    ours = BY_NAME.get(name)
    if ours is None or value == ours.value:
        return ours.unit if ours else ""
    return f"{ours.unit}; ours is {number(ours.value)}"


def measured(advice: Advice) -> str:
    """The main figures of what was measured; nothing where nothing was."""
    found = advice.measured
    if found is None:
        return ""
    known = found.facts | found.answers
    parts = [f"{answer(known[key])} {noun}" for key, noun in MEASURED.items() if key in known]
    return f"Measured: {', '.join(parts)} ({found.source})." if parts else f"Measured: {found.source}."


def priced(advice: Advice) -> str:
    """Where and when the prices were looked up, and what they leave out."""
    left = f" Left out: {', '.join(advice.left_out)}." if advice.left_out else ""
    return f"Prices: {advice.region}, from {advice.prices_as_of}.{left}"


def command(step: str) -> tuple[str, str] | None:
    """The command that a step begins with, and what is said of it."""
    if not step.startswith("`leftfold "):
        return None
    found, _, said = step[1:].partition("`")
    return found, said.lstrip(": ")
