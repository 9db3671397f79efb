"""Figures and sentences that every form of the report says in the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from leftfold.fit.advice import Advice, BreakEven, Curve
from leftfold.fit.answers import KEYS, Value
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.fit.costs.bills import Bill, Line
from leftfold.fit.costs.workload import UNANSWERED
from leftfold.fit.judgement import TITLES, Flip, Judgement, Reason, Verdict
from leftfold.fit.rules import BANDS, verdict_of

TELLING: Final = 5  # alternatives that are shown beside each other: more are a table, not a comparison
COMPARABLE: Final = "All of them carry the same load; not all do the same: see what each lacks."
CHEAPER: Final = 0.95  # of the advised bill: a variant that saves less is not worth a word
DEARER: Final = 3.0  # times the advised bill: a variant that costs so much more is a warning
COMPARED: Final = ("plain", "event-source", "*", "relational", "outbox", "core-only")
"""Whom a reader wants to see beside what is advised, in this order; * is another form of the same."""

FORMS: Final[dict[Verdict, str]] = {
    "event-source": "event-source:provisioned",
    "outbox": "outbox:rds",
    "plain": "plain:provisioned",
    "stream": "stream:on-demand",
    "workflow": "workflow:native",
}
"""The other form of the same that does the same job, where there is one; or the usual mistake."""

RELATIONAL: Final = ("plain:rds", "plain:aurora")
KEYED: Final[tuple[Verdict, ...]] = ("event-source", "core-only", "outbox", "plain")
"""What is kept by key, and could be rows of PostgreSQL as well."""

NAMES: Final = {
    "event-source": "event sourcing",
    "event-source:provisioned": "provisioned capacity",
    "outbox": "an outbox",
    "outbox:rds": "an outbox on RDS",
    "plain": "a plain table",
    "plain:provisioned": "provisioned capacity",
    "plain:rds": "PostgreSQL on RDS",
    "plain:aurora": "Aurora",
    "core-only": "event sourcing of the core",
    "stream": "a stream",
    "stream:on-demand": "Kinesis on demand",
    "sealed-log": "a sealed log",
    "workflow": "Step Functions",
    "workflow:express": "Express workflows",
    "workflow:native": "leftfold's own processes",
}
"""Of alternatives in a sentence."""

FITS: Final[dict[Verdict, str]] = {"event-source": "yes", "core-only": "in part"}
"""Whether event sourcing fits; every other verdict is a no."""

_OFTEN_S: Final = 0.1  # commands a second: what is rarer is said by the day

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


def answer_first(advice: Advice) -> str:
    """`no, plain tables`: the answer to what was asked, then what to do. Of a whole system never a yes."""
    judged = advice.judgement
    if advice.answers.whole_system:
        return f"not as a whole; a part like it: {advice.verdict}"
    if _early(judged):
        return f"too early to say; so far: {advice.verdict}"
    return f"{FITS.get(advice.verdict, 'no')}, {TITLES[advice.verdict]}"


def _early(judged: Judgement) -> bool:
    """The unknown answers could still lead to either end of the scale, and one of them alone to another verdict."""
    either = (verdict_of(judged.lowest), verdict_of(judged.highest)) == ("plain", "event-source")
    alone = any(len(flip.answers) == 1 and flip.answers.keys() <= {*judged.unknown} for flip in judged.flips)
    return judged.override is None and either and alone


def scale() -> str:
    """What a score means."""
    bands = [f"{least} {verdict}" for least, verdict in BANDS]
    return f"from {', '.join(bands)}, else {verdict_of(BANDS[-1][0] - 1)}"


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
    """The advised alternative first, then whom one compares it with, by price. No more than `most`."""
    advised = advice.bills[0]
    known = {bill.alternative: bill for bill in advice.bills[1:]}
    special = {"*": _form(advice), "relational": _relational(advice)}
    wanted = [known[id] for name in COMPARED if (id := special.get(name, name)) in known]
    return (advised, *sorted(wanted[: most - 1], key=lambda bill: bill.usd))


def _form(advice: Advice) -> str:
    """Another form of what is advised, where it is worth a word: it saves something, or is the mistake to avoid."""
    advised = advice.bills[0].usd
    own = FORMS.get(advice.verdict, "")
    worth = any(
        bill.usd < CHEAPER * advised or bill.usd > DEARER * advised for bill in advice.bills if bill.alternative == own
    )
    return own if worth else ""


def _relational(advice: Advice) -> str:
    """The cheaper one of the relational databases, where the advice could be one."""
    found = (bill.alternative for bill in advice.bills if bill.alternative in RELATIONAL)  # the cheapest first
    return next(found, "") if advice.verdict in KEYED else ""


def apart(advice: Advice, bill: Bill) -> tuple[list[Line], list[Line]]:
    """The lines that the advised alternative's bill has too, and this bill's own."""
    advised = advice.bills[0]
    if bill is advised:
        return [], [*bill.lines]
    shared = [line for line in bill.lines if line in advised.lines]
    return shared, [line for line in bill.lines if line not in shared]


def shared(advice: Advice, lines: Sequence[Line]) -> str:
    return f"{count(len(lines), 'line')} as in the bill of {advice.verdict}"


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
    return f"{usd(first)} in the first month, {usd(last)} after {span(found.months[-1])}: what is kept grows."


def span(months: int) -> str:
    years = months / 12
    return count(months, "month") if months < 24 else f"{number(round(years, 1))} years"


def crossing(advice: Advice) -> str:
    """Where the advised alternative meets a rival, nearest to today's load; or that it meets none."""
    own = advice.verdict
    met = [one for one in advice.break_evens if own in (one.cheaper, one.dearer)]
    drawn = {bill.alternative for bill in telling(advice)}
    if met := [one for one in met if _rival(one, own) in drawn] or met:
        nearest = min(met, key=lambda one: (_rival(one, own) == FORMS.get(own), max(one.factor, 1 / one.factor)))
        first, then = ("cheaper", "dearer") if nearest.dearer == own else ("dearer", "cheaper")
        rival = _named(_rival(nearest, own))
        return f"{first.capitalize()} than {rival} below {rate(nearest.commands_s)}, {then} above."
    others = {bill.alternative: bill.usd for bill in advice.bills[1:]}
    other = next((id for id in ("plain", "event-source", *others) if id in others), None)
    if other is None or not advice.loads:
        return ""
    less = others[other] < advice.bills[0].usd
    tried = advice.loads[0].commands_s
    return f"{'Dearer' if less else 'Cheaper'} than {_named(other)} at every load tried, up to {rate(tried[-1])}."


def _rival(one: BreakEven, own: str) -> str:
    return one.cheaper if one.dearer == own else one.dearer


def _named(id: str) -> str:
    return NAMES.get(id, id)


def rate(commands_s: float) -> str:
    """So often: `4.2 commands/s`, and by the day what is rare."""
    often = commands_s >= _OFTEN_S
    found = commands_s if often else commands_s * 86_400
    said = number(float(f"{found:.{2 if found < 10 else 3}g}"))
    return f"{said} {'command' if said == '1' else 'commands'}{'/s' if often else ' a day'}"


def break_even(one: BreakEven) -> str:
    """From which rate on which alternative is the cheaper one."""
    return f"Above {rate(one.commands_s)} {one.dearer} costs more than {one.cheaper} (both {usd(one.usd)} there)."


def counted(advice: Advice) -> str:
    """How many answers were given, measured and unknown."""
    unknown = len(advice.judgement.unknown)
    measured = len(advice.measured.answers) if advice.measured else 0
    given = max(0, len(KEYS) - unknown - measured)
    parts = [f"{given} given", *([f"{measured} measured"] if measured else []), f"{unknown} unknown"]
    return ", ".join(parts)


def guesses(advice: Advice) -> list[str]:
    """What the costs count with in place of answers: `streams 10,000`."""
    return [f"{key} {number(UNANSWERED[key])}" for key in advice.unanswered]


def answered(advice: Advice) -> str:
    """How many answers there are, and on which guesses and how many assumptions the costs stand."""
    assumptions = count(len(advice.assumed), "assumption")
    guessed = guesses(advice)
    costs = f"the costs guess {', '.join(guessed)}; {assumptions}" if guessed else f"{assumptions} in the costs"
    return f"Answers: {counted(advice)}; {costs}."


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
    """Whose the prices are, and how old the oldest is."""
    own = f" Your own: {', '.join(advice.own_prices)}." if advice.own_prices else ""
    return f"List prices of {advice.region}; the oldest was looked up on {advice.prices_as_of}.{own}"


def left_out(advice: Advice) -> list[str]:
    """What the prices leave out, in a few words each."""
    return [re.split(r"[,:(]", one)[0].strip() for one in advice.left_out]


def command(step: str) -> tuple[str, str] | None:
    """The command that a step begins with, and what is said of it."""
    if not step.startswith("`leftfold "):
        return None
    found, _, said = step[1:].partition("`")
    return found, said.lstrip(": ")
