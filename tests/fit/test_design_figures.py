"""The figures that the design promises, on the worked examples: what exactly is compared, and what comes out.

Not everything that is compared here stays so: what grows with the months is told beside it.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from leftfold.fit.costs import running
from leftfold.fit.costs.alternatives import BY_ID, bill
from leftfold.fit.costs.assumptions import assumed
from leftfold.fit.costs.bills import SECONDS_A_MONTH, Line
from leftfold.fit.costs.prices import built_in
from leftfold.fit.costs.workload import Workload, workload
from leftfold.fit.reading import read
from tests.fit.loads import load

PRICES = built_in()
EXAMPLES = Path(__file__).parents[2] / "examples" / "fit"
Figure = Callable[[str, object], None]


def example(name: str, **own: float) -> Workload:
    file = EXAMPLES / f"{name}.yaml"
    found = read(file.read_bytes(), file.name)
    return workload(found.answers, assumed(found.assume | own))


def usd(lines: Iterable[Line]) -> float:
    return sum(line.usd for line in lines)


# a command


def test_a_million_commands_with_an_event_of_500_bytes_are_0_625_dollars_of_writes(record_property: Figure) -> None:
    lines = bill(BY_ID["event-source"], load(), PRICES, 1).lines
    (commits,) = [line for line in lines if (line.what, line.price) == ("commits", "dynamodb.write")]
    a_million = commits.usd / SECONDS_A_MONTH * 1_000_000  # one a second
    assert a_million == pytest.approx(0.625)
    record_property("figure", f"a million commands with an event of 500 bytes: ${a_million:.3f} of writes")


# 50,000 readings a second


def kinesis(alternative: str, readings: Workload) -> float:
    return bill(BY_ID[alternative], readings, PRICES, 1).by_service()["Kinesis"]


def test_readings_one_by_one_on_demand_are_over_50_times_what_they_are_aggregated_on_shards(
    record_property: Figure,
) -> None:
    told = example("telemetry")
    readings = replace(told, consumers=0.0)  # the design's figure has one reader, who takes them to S3
    one_by_one, aggregated = kinesis("stream:on-demand", readings), kinesis("stream", readings)
    assert readings.events_s == 50_000
    assert one_by_one > 50 * aggregated
    record_property(
        "figure",
        f"50,000 readings/s on Kinesis: ${one_by_one:,.0f} on demand one by one, ${aggregated:,.0f} aggregated on shards: "
        f"{one_by_one / aggregated:.0f} times",
    )
    peaky = kinesis("stream", replace(example("telemetry", peak=3.0), consumers=0.0))
    three = kinesis("stream:on-demand", told) / kinesis("stream", told)
    whole = [bill(BY_ID[name], told, PRICES, 12).usd for name in ("stream:on-demand", "stream")]
    record_property(
        "figure",
        f"the same with shards for a peak of 3 times: {one_by_one / peaky:.0f} times; with two services that read it too: "
        f"{three:.0f} times; then the whole bill with files, functions and queries, after a year: ${whole[0]:,.0f} and "
        f"${whole[1]:,.0f}, {whole[0] / whole[1]:.0f} times",
    )


def test_smaller_readings_gain_more_and_ones_of_a_kilobyte_little() -> None:
    readings = example("telemetry")
    gains = [
        kinesis("stream:on-demand", sized) / kinesis("stream", sized)
        for sized in (replace(readings, event_bytes=size) for size in (100.0, 200.0, 1024.0))
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] < 20


# Step Functions Standard, and processes


def is_functions(line: Line) -> bool:
    return line.service == "Lambda" or line.what.startswith("logs of")


def orchestration(runs: Workload, month: int) -> tuple[float, float, float, float]:
    """Of one month's runs, what remembering their next step costs: Standard and leftfold, without functions and with them.

    Standard: its transitions; with functions, the calls of the function that does a step. Leftfold: commits of the steps,
    the log, the view of runs, checkpoints, timers, the archive, all of these as kept so far, alarms and metrics; with
    functions, sequencer, projector, reactor and archiver, and their logs. What the steps do to accounts is the same in both.
    """
    ours = [*running.remembered(runs, PRICES, month)]
    standard = running.orchestrated(runs, PRICES).usd
    without = usd(line for line in ours if not is_functions(line))
    return standard, without, standard + usd(running.tasks(runs, PRICES)), usd(ours)


def test_a_run_for_each_command_of_the_ledger_is_over_20_times_dearer_on_standard_than_as_a_process(
    record_property: Figure,
) -> None:
    """The ledger's own events begin a run: a process of five steps is five commits, a state machine eleven transitions."""
    runs = example("ledger", run_commits=0.0)
    standard, without, standard_all, ours_all = orchestration(runs, 1)
    assert runs.commands_s == 50
    assert standard > 20 * without
    assert standard_all > 15 * ours_all
    record_property(
        "figure",
        f"50 runs/s of 5 steps, the first month: ${standard:,.0f} on Step Functions Standard, ${without:,.0f} as processes "
        f"of leftfold: {standard / without:.0f} times; with the functions' calls {standard_all / ours_all:.0f} times",
    )
    _, later, later_all, ours_later = orchestration(runs, 12)
    workflows = example("ledger", step_commits=2.0)
    _, declared, _, _ = orchestration(workflows, 1)
    bare = replace(runs, assumed=runs.assumed | {"step_transitions": 1.0, "run_transitions": 0.0})
    record_property(
        "figure",
        f"the same after a year, whose steps are all kept: {standard / later:.1f} times, with functions "
        f"{later_all / ours_later:.1f}; as declared workflows, two commits a step, the first month: "
        f"{standard / declared:.1f} times; against a machine of five tasks and no choices, as processes: "
        f"{running.orchestrated(bare, PRICES).usd / without:.1f} times",
    )


def test_what_is_kept_is_why_the_advantage_shrinks() -> None:
    """Standard forgets a run after 90 days; leftfold keeps every step, for as long as the history is kept."""
    runs = example("ledger", run_commits=0.0)

    def kept(month: int) -> float:
        stored = ("dynamodb.storage_gb", "dynamodb.pitr_gb")
        return usd(line for line in running.remembered(runs, PRICES, month) if line.price in stored)

    work = orchestration(runs, 1)[1] - kept(1)
    grown = orchestration(runs, 12)[1] - kept(12)
    assert kept(12) > 10 * kept(1)
    assert grown < 1.4 * work  # pages of the log get smaller, and sequencers race more, while the table splits
    assert orchestration(runs, 1)[0] > 15 * grown


def test_half_the_transitions_would_not_be_20_times() -> None:
    """What is counted decides it: a planted fault, a step as one transition, is caught."""
    runs = example("ledger", run_commits=0.0, step_transitions=1.0)
    standard, without, _, _ = orchestration(runs, 1)
    assert not standard > 20 * without
