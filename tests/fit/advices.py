"""Answers and advices made by hand, and at random, to draw designs and reports from."""

from typing import Any, Final, get_args

from hypothesis import settings, strategies as st

from leftfold.fit.advice import Advice, BreakEven, Curve, Load, Measured
from leftfold.fit.answers import KEYS, Answers, Experience, Regulation, Subdomain
from leftfold.fit.costs.bills import Bill, Line
from leftfold.fit.costs.workload import Workload, workload
from leftfold.fit.designs import design
from leftfold.fit.judgement import Clash, Confidence, Flip, Gate, Judgement, Reason, Source, Verdict

BOOLS: Final = tuple(key for key, kind in Answers.__annotations__.items() if kind.startswith("bool"))
NUMBERS: Final = tuple(key for key, kind in Answers.__annotations__.items() if kind.startswith("float"))
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
VARIANTS: Final = ("event-source:provisioned", "plain:rds", "plain:aurora", "stream:on-demand", "workflow:native")
IDS: Final = (*VERDICTS, *VARIANTS)
HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><img src=http://evil.example onerror=x>',
    "a|b\n# title\n```mermaid",
    "</svg></style>&amp;'\"",
    "[link](http://evil.example) `code` <b>",
    "\x1b[31mred\x07",
    "順序の文脈" * 12,
    "]]><!-- x --",
)

TEXTS: Final = st.text(min_size=1, max_size=60) | st.sampled_from(HOSTILE)
USD: Final = st.floats(0.001, 1e7)

ANSWERS: Final = st.builds(
    Answers,
    context=TEXTS,
    subdomain=st.none() | st.sampled_from(get_args(Subdomain)),
    team_experience=st.none() | st.sampled_from(get_args(Experience)),
    regulation=st.none() | st.lists(st.sampled_from(get_args(Regulation)), max_size=3).map(tuple),
    **{key: st.none() | st.booleans() for key in BOOLS},
    **{key: st.none() | st.floats(0, 1e6) for key in NUMBERS},
)


def answered(yes: bool) -> Answers:
    """Every answer is yes and large, or every one no and nothing."""
    given: dict[str, Any] = dict.fromkeys(BOOLS, yes) | dict.fromkeys(NUMBERS, 1000.0 if yes else 0.0)
    return Answers(**given, regulation=("sec17a4", "gdpr") if yes else ())


SOURCES: Final = (
    Source(
        "young",
        "Greg Young",
        "A whole system based on event sourcing is an anti-pattern",
        2016,
        "https://young.example",
    ),
    Source("aws", "AWS", "Prescriptive Guidance: event sourcing", 2026, "https://aws.example/event-sourcing"),
    Source("leftfold", "leftfold", "this project's judgement", 2026, "docs/explanation/should-you.md"),
)

REASONS: Final = (
    Reason("ad_hoc_sql", -2, "People query the tables with SQL of their own; events can't be queried so.", "aws"),
    Reason("whole_system", -3, "You ask for a whole system; event-source the parts that gain by it.", "young"),
    Reason("history", 3, "Someone asks how it got here: that history is the product.", "aws"),
    Reason("process", 3, "Your experts already speak of facts and of what may follow them.", "leftfold"),
    Reason("reads", 2, "The same facts are wanted in several shapes or by several others.", "aws"),
    Reason("audit", 2, "A third party must be able to check that nothing was altered.", "aws"),
)


def line(service: str, usd: float, what: str = "commits") -> Line:
    return Line(service, what, usd * 1000, "request", f"{service.lower()}.write", usd)


def bill(id: str, *lines: Line) -> Bill:
    return Bill(id, lines)


def sample() -> Advice:
    """A context like the orders of the worked examples, with bills that are easy to add up."""
    answers = Answers(context="orders", commands_per_s=20, read_models=4, downstream_consumers=5, budget_usd_month=3000)
    judged = Judgement(
        verdict="event-source",
        confidence="low",
        unsure=("One answer that is unknown could change the verdict: team_experience.",),
        score=5,
        lowest=3,
        highest=9,
        reasons=REASONS,
        override=None,
        gates=(Gate("hot_key", "More than 500 writes a second hit one key.", "Split the key, or reserve in lots."),),
        clashes=(Clash(("crud_verbs", "process_rich"), "a life cycle has more than create, update, delete"),),
        flips=(
            Flip({"team_experience": "none", "bulk_updates": True}, "core-only"),
            Flip({"crud_verbs": True}, "plain"),
        ),
        unknown=("team_size", "team_experience"),
    )
    bills = (
        bill("event-source", line("DynamoDB", 210.5), line("Lambda", 95.25, "commands"), line("API Gateway", 105)),
        bill("plain:rds", line("RDS", 47), line("API Gateway", 105)),
        bill("plain", line("DynamoDB", 120), line("API Gateway", 105)),
        bill("outbox", line("DynamoDB", 150), line("EventBridge", 30), line("API Gateway", 105)),
        bill("stream", line("Kinesis", 350), line("S3", 2.5)),
        bill("workflow", line("Step Functions", 9000), line("Lambda", 100)),
    )
    months = (1, 12, 24, 36, 48, 60, 72, 84)
    return advice_of(answers, judged, bills, months)


def loaded(bill: Bill, rates: tuple[float, ...]) -> Load:
    """A bill that is half a fixed price, half by the command."""
    return Load(bill.alternative, rates, tuple(bill.usd / 2 * (1 + rate / 20) for rate in rates))


def advice_of(answers: Answers, judged: Judgement, bills: tuple[Bill, ...], months: tuple[int, ...]) -> Advice:
    load = workload(answers, {})
    grown = [Curve(one.alternative, months, tuple(one.usd * (1 + month / 100) for month in months)) for one in bills]
    evens = [
        BreakEven(bills[-1].alternative, bills[0].alternative, 25.0, 700.0, 1.25),
        *(BreakEven(one.alternative, bills[0].alternative, 310.0, 900.0, 15.5) for one in bills[2:3]),
    ]
    return Advice(
        answers=answers,
        judgement=judged,
        sources=SOURCES,
        bills=bills,
        titles={one.alternative: f"{one.alternative} as one draws it" for one in bills},
        month=12,
        curves=tuple(grown),
        break_evens=tuple(evens),
        over_budget=answers.budget_usd_month is not None and bills[0].usd > answers.budget_usd_month,
        assumed={"warm_share": 0.9, "backups": 1.0},
        unanswered=("streams",),
        prices_as_of="2026-11-23",
        region="us-east-1",
        left_out=("data transfer", "support plans", "development hours", "free tiers"),
        design=design(answers, judged.verdict, load),
        loads=tuple(loaded(one, (0.01, 0.1, 1.0, 10.0, 1000.0)) for one in bills),
        measured=Measured("sqlite:orders.db", {"event_bytes": 412.0}, {"events": 10_000.0}),
    )


_REASON = st.builds(
    Reason,
    TEXTS,
    st.integers(-6, 3),
    st.text(min_size=1, max_size=200),
    st.sampled_from([*(one.id for one in SOURCES), "?"]),
)
_FLIPPED = st.dictionaries(st.sampled_from(KEYS), st.booleans() | st.floats(0, 1e6), min_size=1, max_size=2)
_JUDGEMENTS = st.builds(
    Judgement,
    verdict=st.sampled_from(VERDICTS),
    confidence=st.sampled_from(get_args(Confidence)),
    unsure=st.lists(TEXTS, max_size=3).map(tuple),
    score=st.integers(-20, 15),
    lowest=st.integers(-40, -20),
    highest=st.integers(15, 30),
    reasons=st.lists(_REASON, max_size=22).map(lambda found: tuple(sorted(found, key=lambda one: one.weight))),
    override=st.none() | _REASON,
    gates=st.lists(st.builds(Gate, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
    clashes=st.lists(st.builds(Clash, st.just(("crud_verbs",)), TEXTS), max_size=3).map(tuple),
    flips=st.lists(st.builds(Flip, _FLIPPED, st.sampled_from(VERDICTS)), max_size=6).map(tuple),
    unknown=st.lists(st.sampled_from(KEYS), unique=True, max_size=30).map(tuple),
)
_LINES = st.builds(
    Line, st.sampled_from(["DynamoDB", "Lambda", "API Gateway"]), TEXTS, USD, st.just("GB"), st.just("s3.storage"), USD
)


few = settings(max_examples=25, deadline=None)
"""For tests of whole documents, which are long."""


@st.composite
def advices(draw: st.DrawFn) -> Advice:
    """Any advice: hostile names, long texts, no reasons, one bill or twelve, prices over ten powers of ten."""
    answers, judged = draw(ANSWERS), draw(_JUDGEMENTS)
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=6).filter(lambda ids: judged.verdict not in ids))
    bills = [Bill(id, tuple(draw(st.lists(_LINES, max_size=3)))) for id in (judged.verdict, *ids)]
    bills = [bills[0], *sorted(bills[1:], key=lambda one: one.usd)]
    months = draw(st.sampled_from([(1,), (1, 6, 12), (1, 12, 24, 120)]))
    return advice_of(answers, judged, tuple(bills), months)


def load_of(answers: Answers) -> Workload:
    return workload(answers, {})
