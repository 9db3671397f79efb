"""The advice as a whole: the judgement's verdict first among the bills, nothing invented, and what it leaves out."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from leftfold.core.errors import ConfigError
from leftfold.fit.advice import Advice, Measured
from leftfold.fit.advising import advise
from leftfold.fit.answers import Answers
from leftfold.fit.costs.alternatives import ALTERNATIVES, bill
from leftfold.fit.costs.assumptions import ASSUMPTIONS, assumed
from leftfold.fit.costs.leaving_out import ALWAYS, SOMETIMES
from leftfold.fit.costs.prices import Prices, built_in
from leftfold.fit.costs.workload import workload
from leftfold.fit.judging import judge
from leftfold.fit.reading import read
from tests.fit.advices import ANSWERS
from tests.fit.loads import SMALL

PRICES = built_in()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "fit").glob("*.yaml"))


def of(file: Path) -> Advice:
    found = read(file.read_bytes(), file.name)
    return advise(found.answers, PRICES, found.assume)


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_an_example_is_advised_on_as_it_is_judged(file: Path) -> None:
    found = of(file)
    assert found.judgement == judge(found.answers)
    assert found.bills[0].alternative == found.verdict
    assert {one.alternative for one in found.bills} == {one.id for one in ALTERNATIVES} == set(found.titles)
    assert found.lacks == {one.id: one.lacks for one in ALTERNATIVES if one.lacks}
    rest = [one.usd for one in found.bills[1:]]
    assert rest == sorted(rest)
    assert [one.alternative for one in found.curves] == [one.alternative for one in found.bills]
    named = {reason.source for reason in found.judgement.reasons}
    assert named <= {source.id for source in found.sources}
    assert len({source.id for source in found.sources}) == len(found.sources)
    points = [one.commands_s for one in found.break_evens]
    assert points == sorted(points)
    assert found.unanswered == ()
    assert found.region == "us-east-1"


@settings(max_examples=25, deadline=None)
@given(answers=ANSWERS)
def test_any_answers_have_an_advice(answers: Answers) -> None:
    found = advise(answers, PRICES, {})
    assert found.bills[0].alternative == found.verdict
    assert set(found.unanswered) <= set(found.judgement.unknown)
    assert set(ALWAYS) <= set(found.left_out)


def test_nothing_known_is_advised_on_with_what_stands_in() -> None:
    found = advise(Answers(), PRICES, {})
    assert len(found.unanswered) == 8
    assert found.bills[0].usd > 0
    assert not found.over_budget


# prices


def test_the_day_of_the_prices_is_the_oldest_that_is_in_use() -> None:
    def dated(name: str) -> str:
        old = PRICES.listed | {name: replace(PRICES[name], on="2020-02-29")}
        return advise(SMALL, Prices("us-east-1", old), {}).prices_as_of

    assert dated("dynamodb.write") == "2020-02-29"
    assert dated("kms.key") == advise(SMALL, PRICES, {}).prices_as_of != "2020-02-29"


def test_dearer_writes_make_dearer_bills_where_something_is_written() -> None:
    twice = PRICES.listed | {"dynamodb.write": replace(PRICES["dynamodb.write"], usd=1.25)}
    before, after = advise(SMALL, PRICES, {}), advise(SMALL, Prices("us-east-1", twice), {})
    was = {one.alternative: one.usd for one in before.bills}
    now = {one.alternative: one.usd for one in after.bills}
    assert now["event-source"] > was["event-source"]
    assert now["plain:rds"] == was["plain:rds"]


# the budget


def test_a_budget_is_held_against_the_alternative_that_is_advised() -> None:
    usd = advise(SMALL, PRICES, {}).bills[0].usd
    assert advise(replace(SMALL, budget_usd_month=usd - 0.01), PRICES, {}).over_budget
    assert not advise(replace(SMALL, budget_usd_month=usd), PRICES, {}).over_budget
    assert advise(replace(SMALL, budget_usd_month=0.0), PRICES, {}).over_budget


# assumptions


def test_an_assumption_of_ones_own_goes_before_a_measured_one_and_that_before_ours() -> None:
    measured = Measured("the bank", {}, {}, assume={"row_bytes": 5000.0, "envelope_bytes": 90.0})
    found = advise(SMALL, PRICES, {"row_bytes": 3000.0}, measured=measured)
    ours = assumed({})
    assert found.assumed == ours | {"row_bytes": 3000.0, "envelope_bytes": 90.0}
    assert found.measured is measured


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"rowbytes": 5.0}, "assume.rowbytes: no such assumption; did you mean row_bytes?"),
        ({"zzz": 5.0}, "assume.zzz: no such assumption; there are peak, "),
        ({"utilisation": 1.5}, "assume.utilisation: 1.5 can't be; write 0.05 to 1 (share)."),
        ({"peak": 0.5}, "assume.peak: 0.5 can't be; write 1 or more (times)."),
        ({"row_bytes": float("inf")}, "assume.row_bytes: inf can't be"),
        ({"row_bytes": float("nan")}, "assume.row_bytes: nan can't be"),
        ({"row_bytes": -1.0}, "assume.row_bytes: -1 can't be; write 0 or more (bytes)."),
    ],
)
def test_an_assumption_that_cant_be_is_refused_with_what_can(own: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        advise(SMALL, PRICES, own)
    assert str(refused.value).startswith(told)


def test_all_faults_of_assumptions_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        advise(SMALL, PRICES, {"peek": 2.0, "peak": 0.0})
    assert len(str(refused.value).splitlines()) == 2


def test_every_assumption_has_its_reason_and_is_within_its_own_bounds() -> None:
    assert len({one.name for one in ASSUMPTIONS}) == len(ASSUMPTIONS)
    for one in ASSUMPTIONS:
        assert one.least <= one.value <= one.most
        assert one.unit
        assert one.why.endswith(".")
        assert len(one.why) > 20


def test_every_assumption_changes_some_bill() -> None:
    """None is dead weight: twice of it, or half of a share, is another bill somewhere."""
    answers = replace(  # a busy context; some assumptions count in a quiet one alone
        SMALL,
        commands_per_s=500.0,
        queries_per_s=3000.0,
        events_per_command=2.0,
        event_bytes=900.0,
        read_models=3.0,
        downstream_consumers=2.0,
        retention_years=3.0,
        streams=5e6,
    )
    # transitions of timers only count where there are some, and small items are rounded up to a unit
    others = {"timers_per_run": 1.0, "item_bytes": 1500.0, "row_bytes": 1500.0, "query_bytes": 6000.0}

    def bills(own: dict[str, float]) -> list[float]:
        loads = [workload(one, assumed(others | own)) for one in (answers, replace(answers, streams=5e8), SMALL)]
        return [bill(one, load, PRICES, 36).usd for load in loads for one in ALTERNATIVES]

    before = bills({})
    for one in ASSUMPTIONS:
        now = others.get(one.name, one.value)
        assert bills({one.name: now / 2 if one.most == 1 else now * 2}) != before, one.name


# what is left out


def test_what_is_left_out_depends_on_the_answers() -> None:
    quiet = advise(replace(SMALL, commands_per_s=0.0), PRICES, {}).left_out
    assert quiet == ALWAYS
    loud = replace(
        SMALL,
        commands_per_s=20_000.0,
        downstream_consumers=3.0,
        history_is_business_data=True,
        max_event_kb=400.0,
        multi_region_writers=True,
        ad_hoc_sql_reporting=True,
        bulk_updates=True,
        process_rich=True,
        erasure_required=True,
        regulation=("sox",),
        observed_not_decided=True,
    )
    assert advise(loud, PRICES, {}).left_out == (*ALWAYS, *(one.what for one in SOMETIMES))


# what comes next


def test_what_nobody_knows_is_asked_before_anything_is_built() -> None:
    ledger = of(next(file for file in EXAMPLES if file.stem == "ledger"))
    chat = of(next(file for file in EXAMPLES if file.stem == "chat"))
    unknown = advise(Answers(), PRICES, {}).design.steps
    orders = of(next(file for file in EXAMPLES if file.stem == "orders")).answers
    pair = replace(orders, new_questions_on_old_data=False, ad_hoc_sql_reporting=None, bulk_updates=None)
    assert advise(pair, PRICES, {}).design.steps[0].endswith(": ad_hoc_sql_reporting, bulk_updates")
    first = chat.design.steps[0]
    assert first.startswith("`leftfold fit FILE --ask`: find out first")
    assert first.endswith(": history_is_business_data")
    assert unknown[0].endswith("history_is_business_data and 8 more")
    assert not any("--ask" in step for step in ledger.design.steps)


def test_a_whole_system_is_asked_about_part_by_part() -> None:
    assert advise(replace(SMALL, whole_system=True), PRICES, {}).design.steps[0].startswith("`leftfold fit init PART.")
    assert not any("PART" in step for step in advise(SMALL, PRICES, {}).design.steps)


@pytest.mark.parametrize(
    ("said", "answers", "own"),
    [
        ("whether leftfold keeps up", {"commands_per_s": 333.4}, {"peak": 3.0}),
        ("leftfold's processes keep up", {"commands_per_s": 13.4}, {"steps_per_run": 5.0, "step_ms": 15.0}),
        ("streams of over 4,000 commands", {"commands_per_s": 0.128, "streams": 1000.0}, {}),
        # half of 64 processors at 500 a second, 70 % full and three times at the peak, and half of them for queries
        ("one PostgreSQL server", {"commands_per_s": 3733.4, "queries_per_s": 14933.4}, {}),
    ],
)
def test_a_limit_is_told_of_from_its_load_on(said: str, answers: dict[str, float], own: dict[str, float]) -> None:
    def told(factor: float) -> bool:
        rates = {name: value * (factor if name.endswith("_s") else 1) for name, value in answers.items()}
        return any(said in one for one in advise(replace(SMALL, **rates), PRICES, own).left_out)

    assert told(1.0)
    assert not told(0.99)


def test_prices_of_the_users_own_are_named_where_they_are_used() -> None:
    cheaper = PRICES.listed | {name: replace(PRICES[name], usd=0.1) for name in ("dynamodb.write", "kms.key")}
    assert advise(SMALL, Prices("us-east-1", cheaper), {}).own_prices == ("dynamodb.write",)
    assert advise(SMALL, PRICES, {}).own_prices == ()
    elsewhere = advise(SMALL, Prices("eu-north-1", PRICES.listed), {}).own_prices
    assert {"dynamodb.write", "lambda.request"} <= {*elsewhere} < {*PRICES.listed}


def test_who_measured_an_app_is_not_told_to_begin_one() -> None:
    ledger = of(next(file for file in EXAMPLES if file.stem == "ledger"))
    app, traffic = Measured("bank on sqlite:bank.db", {}, {}, name="bank"), Measured("metrics in day.log", {}, {})
    begins = [step for step in ledger.design.steps if step.startswith("`leftfold init ")]
    steps = advise(ledger.answers, PRICES, {}, measured=app).design.steps
    assert {*ledger.design.steps} - {*steps} == {*begins}
    assert len(begins) == 1
    assert advise(ledger.answers, PRICES, {}, measured=traffic).design.steps == ledger.design.steps
