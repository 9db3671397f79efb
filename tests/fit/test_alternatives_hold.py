"""What holds of every bill, whatever the workload: lines are positive, more load never costs less, nothing is free."""

from math import isfinite

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from leftfold.fit.costs.alternatives import ALTERNATIVES, BY_ID, Alternative, bill
from leftfold.fit.costs.bills import SECONDS_A_MONTH
from leftfold.fit.costs.prices import built_in
from leftfold.fit.costs.workload import Workload
from leftfold.fit.judgement import TITLES
from tests.fit.loads import LOADS, load

PRICES = built_in()
EACH = pytest.mark.parametrize("alternative", ALTERNATIVES, ids=[one.id for one in ALTERNATIVES])
MONTHS = st.integers(1, 400)


def usd(alternative: Alternative, workload: Workload, month: int = 12) -> float:
    return bill(alternative, workload, PRICES, month).usd


def test_every_verdict_has_a_headline_and_every_variant_names_its_verdict() -> None:
    assert {one.id for one in ALTERNATIVES if ":" not in one.id} == set(TITLES)
    assert all(one.id.partition(":")[0] == one.verdict for one in ALTERNATIVES)
    assert len(BY_ID) == len(ALTERNATIVES)


def test_every_title_stands_by_itself() -> None:
    titles = [one.title for one in ALTERNATIVES]
    assert len(set(titles)) == len(titles)
    assert not [title for title in titles if "same" in title]


def test_what_cannot_do_all_that_event_sourcing_does_says_what_it_lacks() -> None:
    lacking = {one.id: one.lacks for one in ALTERNATIVES if one.lacks}
    assert set(BY_ID) - set(lacking) == {"event-source", "event-source:provisioned"}
    for one in ALTERNATIVES:
        if one.verdict in ("plain", "outbox") or one.id == "workflow":
            assert "no proof" in one.lacks, one.id
        if one.verdict == "stream":
            assert "no decisions" in one.lacks
    assert all(len(lacks) <= 40 for lacks in lacking.values()), "a phrase, that stands beside a title"


@EACH
@settings(max_examples=25, deadline=None)
@given(workload=LOADS, month=MONTHS)
def test_lines_are_positive_and_finite_and_their_sum_is_the_bill(
    alternative: Alternative, workload: Workload, month: int
) -> None:
    found = bill(alternative, workload, PRICES, month)
    assert all(line.quantity > 0 and isfinite(line.usd) and line.usd > 0 and line.what for line in found.lines)
    assert found.usd == pytest.approx(sum(found.by_service().values()))


@EACH
@settings(max_examples=40, deadline=None)
@given(workload=LOADS, factor=st.floats(1, 1000), month=MONTHS)
def test_more_load_never_costs_less(alternative: Alternative, workload: Workload, factor: float, month: int) -> None:
    assert usd(alternative, workload.scaled(factor), month) >= usd(alternative, workload, month) * (1 - 1e-9)


@EACH
@settings(max_examples=25, deadline=None)
@given(workload=LOADS, month=MONTHS, later=st.integers(0, 400))
def test_a_later_month_never_costs_less(alternative: Alternative, workload: Workload, month: int, later: int) -> None:
    assert usd(alternative, workload, month + later) >= usd(alternative, workload, month) * (1 - 1e-9)


@EACH
@settings(max_examples=25, deadline=None)
@given(workload=LOADS, more=st.sampled_from(["views", "consumers", "retention_years"]), by=st.floats(1, 50))
def test_more_to_keep_or_to_tell_never_costs_less(
    alternative: Alternative, workload: Workload, more: str, by: float
) -> None:
    grown = replace(workload, **{more: getattr(workload, more) * by})
    assert usd(alternative, grown, 60) >= usd(alternative, workload, 60) * (1 - 1e-9)


@EACH
def test_the_way_in_is_alike_in_every_alternative(alternative: Alternative) -> None:
    def way_in(one: Alternative) -> list[object]:
        names = ("commands", "queries", "logs of commands", "logs of queries")
        services = ("API Gateway", "Lambda", "CloudWatch")
        lines = bill(one, load(), PRICES, 12).lines
        return [line for line in lines if line.what in names and line.service in services]

    assert len(way_in(alternative)) == 10
    assert way_in(alternative) == way_in(BY_ID["plain"])


def test_devices_put_straight_into_a_stream() -> None:
    observed = replace(load(), observed=True)
    assert not [line for line in bill(BY_ID["stream"], observed, PRICES, 12).lines if line.what == "commands"]
    assert bill(BY_ID["plain"], observed, PRICES, 12) == bill(BY_ID["plain"], load(), PRICES, 12)


@pytest.mark.parametrize(("events", "changing"), [(0.0, 0.0), (0.25, 0.5), (1.0, 2.0), (3.0, 2.0)])
def test_a_command_is_one_change_however_many_events_it_has(events: float, changing: float) -> None:
    workload = replace(load(), commands_s=2.0, events_per_command=events)
    found = [line for line in bill(BY_ID["plain"], workload, PRICES, 12).lines if line.price == "dynamodb.write"]
    assert sum(line.quantity for line in found) == changing * SECONDS_A_MONTH


@EACH
def test_no_files_are_written_of_nothing(alternative: Alternative) -> None:
    lines = bill(alternative, replace(load(), commands_s=0.0, streams=0.0), PRICES, 12).lines
    assert {line.what for line in lines if line.service == "S3"} <= {"heads of the archive, and looks"}


def test_nothing_is_billed_for_what_nobody_does() -> None:
    idle = replace(load(), commands_s=0.0, queries_s=0.0, streams=0.0)
    services = set(bill(BY_ID["plain"], idle, PRICES, 12).by_service())
    assert services == {"CloudWatch"}
