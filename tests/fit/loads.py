"""Workloads to price: by hand, and at random."""

from hypothesis import strategies as st

from leftfold.fit.answers import Answers
from leftfold.fit.costs.assumptions import assumed
from leftfold.fit.costs.workload import Workload, workload

SMALL = Answers(
    commands_per_s=1,
    events_per_command=1,
    event_bytes=500,
    queries_per_s=4,
    streams=1000,
    retention_years=1,
    read_models=1,
    downstream_consumers=0,
)
"""One command a second: every rate is a figure that can be followed by hand."""


def load(answers: Answers = SMALL, **own: float) -> Workload:
    return workload(answers, assumed(own))


def answers_of(
    commands: float, events: float, size: float, queries: float, more: tuple[float, float, int, int]
) -> Answers:
    streams, years, views, consumers = more
    return Answers(
        commands_per_s=commands,
        events_per_command=events,
        event_bytes=size,
        queries_per_s=queries,
        streams=streams,
        retention_years=years,
        read_models=views,
        downstream_consumers=consumers,
    )


RATES = st.just(0.0) | st.floats(1e-6, 1e5)
MORE = st.tuples(st.floats(0, 1e8), st.floats(0, 30), st.integers(0, 8), st.integers(0, 4))
LOADS = st.builds(answers_of, RATES, st.just(0.0) | st.floats(0.01, 20), st.floats(1, 300_000), RATES, MORE).map(load)
