"""An advice as plain data: the keys that other programs rely on first, then all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from leftfold.fit.advice import Advice
from leftfold.fit.costs.bills import Bill
from leftfold.fit.costs.workload import UNANSWERED

CONTRACT: Final = (*("verdict", "confidence", "score", "gates", "flips", "reasons", "costs", "prices_as_of"),)
"""What is promised to stay; `reasons` have `rule`, `weight`, `why` and `source`."""


def told(advice: Advice) -> dict[str, Any]:
    """One context. Dollars are exact: whoever shows them rounds them."""
    judged = advice.judgement
    return {
        "context": advice.answers.context,
        "verdict": judged.verdict,
        "confidence": judged.confidence,
        "score": judged.score,
        "gates": _plain(judged.gates),
        "flips": _plain(judged.flips),
        "reasons": _plain(judged.reasons),
        "costs": {bill.alternative: bill.usd for bill in advice.bills},
        "prices_as_of": advice.prices_as_of,
        "range": [judged.lowest, judged.highest],
        "override": _plain(judged.override),
        "clashes": _plain(judged.clashes),
        "unknown": list(judged.unknown),
        "unsure": list(judged.unsure),
        "month": advice.month,
        "bills": [_bill(advice, bill) for bill in advice.bills],
        "lacks": dict(advice.lacks),
        "months": {one.alternative: {"months": list(one.months), "usd": list(one.usd)} for one in advice.curves},
        "loads": {one.alternative: {"commands_s": list(one.commands_s), "usd": list(one.usd)} for one in advice.loads},
        "break_evens": _plain(advice.break_evens),
        "over_budget": advice.over_budget,
        "region": advice.region,
        "own_prices": list(advice.own_prices),
        "assumed": dict(advice.assumed),
        "unanswered": {key: UNANSWERED[key] for key in advice.unanswered},
        "left_out": list(advice.left_out),
        "sources": _plain(advice.sources),
        "answers": _plain(advice.answers),
        "measured": _plain(advice.measured),
        "design": _plain(advice.design),
    }


def contexts(advices: Sequence[Advice]) -> dict[str, Any]:
    """One context by itself, several under `contexts`."""
    return told(advices[0]) if len(advices) == 1 else {"contexts": [told(advice) for advice in advices]}


def text(advices: Sequence[Advice]) -> str:
    """The same as a file."""
    return msgspec.json.format(msgspec.json.encode(contexts(advices)), indent=2).decode() + "\n"


def _bill(advice: Advice, bill: Bill) -> dict[str, Any]:
    title = advice.titles.get(bill.alternative, bill.alternative)
    return {"alternative": bill.alternative, "title": title, "usd": bill.usd, "lines": _plain(bill.lines)}


def _plain(value: object) -> Any:
    """Lists and dicts, as JSON has them."""
    return msgspec.json.decode(msgspec.json.encode(value))
