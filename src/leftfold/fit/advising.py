"""The advice about one context, composed: the judgement by the rules, the bills of every alternative, a design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from leftfold.fit.advice import Advice, BreakEven, Measured
from leftfold.fit.answers import Answers
from leftfold.fit.costs.alternatives import ALTERNATIVES, BY_ID, Alternative, bill
from leftfold.fit.costs.assumptions import assumed
from leftfold.fit.costs.bills import Bill
from leftfold.fit.costs.breakeven import Loads
from leftfold.fit.costs.growth import curve
from leftfold.fit.costs.leaving_out import left_out
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload, workload
from leftfold.fit.designs import design
from leftfold.fit.judgement import Judgement, Source, Verdict
from leftfold.fit.judging import NAMED, judge
from leftfold.fit.sources import SOURCES

MODES: Final[dict[Verdict, str]] = {
    "event-source": "event-source",
    "core-only": "event-source",
    "outbox": "plain",
    "plain": "plain",
}
"""Of which alternative on demand and provisioned are compared besides, by verdict."""

PLAIN: Final = ("plain", "plain:rds", "plain:aurora")
"""The plain ways, against which every advice is held."""


def advise(
    answers: Answers,
    prices: Prices,
    assume: Mapping[str, float],
    *,
    measured: Measured | None = None,
    month: int = 12,
) -> Advice:
    """Everything about one context. `assume` has assumptions of the user's own: they go before measured ones.

    Raises ConfigError for an assumption that is none, or can't be.
    """
    judgement = judge(answers)
    taken = assumed((measured.assume if measured else {}) | dict(assume))
    load = workload(answers, taken)
    loads = Loads(load, prices, month)
    bills = _bills(judgement.verdict, load, prices, month)
    drawn = design(answers, judgement.verdict, load)
    used = {line.price for one in bills for line in one.lines}
    return Advice(
        answers=answers,
        judgement=judgement,
        sources=_sources(judgement),
        bills=bills,
        titles={one.id: one.title for one in ALTERNATIVES},
        month=month,
        curves=tuple(curve(BY_ID[one.alternative], load, prices) for one in bills),
        break_evens=_break_evens(judgement.verdict, loads),
        over_budget=answers.budget_usd_month is not None and bills[0].usd > answers.budget_usd_month,
        assumed=taken,
        unanswered=load.unanswered,
        prices_as_of=prices.as_of(used),
        own_prices=prices.own(used),
        region=prices.region,
        left_out=left_out(answers, load),
        design=replace(drawn, steps=(*_asked_first(answers, judgement.doubted), *_left_to_do(drawn.steps, measured))),
        measured=measured,
        loads=tuple(loads.curve(one) for one in ALTERNATIVES),
        lacks={one.id: one.lacks for one in ALTERNATIVES if one.lacks},
    )


def _asked_first(answers: Answers, keys: tuple[str, ...]) -> Iterator[str]:
    """What is to be asked before anything is built: nobody should act on an advice that an answer may turn round."""
    if answers.whole_system:
        yield "`leftfold fit init PART.yaml`: a file for each part; no advice is good for a whole system"
    if keys:
        more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
        yield f"`leftfold fit FILE --ask`: find out first what could change all of this: {', '.join(keys[:NAMED])}{more}"


def _left_to_do(steps: tuple[str, ...], measured: Measured | None) -> Iterator[str]:
    """Who has measured an app need not begin one."""
    begun = measured is not None and measured.name
    return (step for step in steps if not (begun and step.startswith("`leftfold init ")))


def _bills(verdict: Verdict, load: Workload, prices: Prices, month: int) -> tuple[Bill, ...]:
    """The advised alternative's first, then the others', the cheapest first."""
    found = [bill(one, load, prices, month) for one in ALTERNATIVES]
    return tuple(sorted(found, key=lambda one: (one.alternative != verdict, one.usd, one.alternative)))


def _sources(judgement: Judgement) -> tuple[Source, ...]:
    """Those that the reasons name, each once."""
    reasons = [*judgement.reasons, *([judgement.override] if judgement.override else [])]
    return tuple(SOURCES[name] for name in dict.fromkeys(reason.source for reason in reasons))


def _break_evens(verdict: Verdict, loads: Loads) -> tuple[BreakEven, ...]:
    """Where the advised alternative crosses its rivals, and on demand crosses provisioned; the lowest load first."""
    pairs = [(BY_ID[verdict], other) for other in rivals(verdict)]
    if (mode := MODES.get(verdict)) is not None and mode != verdict:
        pairs.append((BY_ID[mode], BY_ID[f"{mode}:provisioned"]))
    found = [crossing for one, other in pairs for crossing in loads.break_evens(one, other)]
    return tuple(sorted(found, key=lambda one: (one.commands_s, one.cheaper, one.dearer)))


def rivals(verdict: Verdict) -> list[Alternative]:
    """What one would build instead: the plain ways, and other forms of the same. The rest does another job."""
    return [one for one in ALTERNATIVES if one.id != verdict and (one.id in PLAIN or one.verdict == verdict)]
