"""read(query) and append(events, condition) on DynamoDB do what the dcb.events specification says, replies lost or not.

Conditions on the whole log are refused there; what a specification would let pass then goes in without its condition.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from leftfold import ConfigError, Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.dynamodb.log import DynamoLog
from leftfold.dcb import Query, QueryItem, Tagged
from tests.contract.test_dcb_properties import (
    APP,
    TAGS,
    History,
    Spec,
    appends,
    facts,
    histories,
    matches,
    reads,
    tagged,
    types,
)
from tests.dynamodb_reliability.test_boundaries import plant, without_guards
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import LOST, Faults, meanwhile

Figure = Callable[[str, object], None]

WRITES = ("PutItem", "TransactWriteItems")
RATE = 0.1

some_tags = st.lists(st.sampled_from(TAGS), min_size=1, max_size=2, unique=True).map(tuple)
tagged_items = st.builds(QueryItem, st.lists(types, max_size=2, unique=True).map(tuple), some_tags)
tagged_queries = st.lists(tagged_items, min_size=1, max_size=3).map(tuple).map(Query)


class Tables:
    """Two sessions on new tables for each example; the clients, and with them the weather, are the same."""

    def __init__(self, aws: Aws) -> None:
        self.faults = Faults(seed=1)
        self._prefix, self._number = aws.prefix, count()
        self._clients = [
            (aws.client("dynamodb", weather), aws.client("dynamodbstreams")) for weather in (self.faults, None)
        ]

    @contextmanager
    def opened(self) -> Iterator[tuple[Session, Session]]:
        """The first of them in the weather."""
        prefix = f"{self._prefix}{next(self._number)}-"
        ours, theirs = (
            APP.open(open_dynamodb("test", prefix=prefix, create=True, client=client, streams=streams))
            for client, streams in self._clients
        )
        with ours, theirs:
            yield ours, theirs


def settle(session: Session) -> None:
    """Positions in the order of the appends: left to itself, the log may begin with whatever is asked for first."""
    while session.backend.log.place():
        pass


def compare(ours: Session, theirs: Session, history: History, questions: list[tuple[Query, int]]) -> int:
    """Run a history on two sessions and on the specification. Returns how many conditions were refused as such."""
    spec, refused = Spec(), 0
    for events, query, back, by_theirs in history:
        session, other = (theirs, ours) if by_theirs else (ours, theirs)
        after = max(0, len(spec.events) - back)
        expected = spec.append(events, query, after)
        if expected and query is not None and not (query.items and all(item.tags for item in query.items)):
            with pytest.raises(ConfigError, match="tag"):
                appends(session.dcb(), events, query, after)
            refused, query = refused + 1, None
        assert appends(session.dcb(), events, query, after) == expected, "appended or refused wrongly"
        settle(other)  # not by whoever appended, who knows of it without the stream
    for query, after in [*questions, (Query(), 0)]:
        for session in (ours, theirs):
            found = [(one.position, one.data, tagged(one.slots)) for one in session.dcb().read(query, after=after)]
            wanted = [(i, one.event, frozenset(one.tags)) for i, one in spec.read(query, after)]
            assert found == wanted, f"read wrongly: {found} for {wanted}"
    return refused


def each(examples: int, phases: Sequence[Phase] = tuple(Phase)) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize="LEFTFOLD_SOAK" not in os.environ,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


def check_histories(tables: Tables, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> int:
    refused: list[int] = []

    @each(examples, phases)
    @given(histories, reads)
    def compared(history: History, questions: list[tuple[Query, int]]) -> None:
        with tables.opened() as (ours, theirs):
            refused.append(compare(ours, theirs, history, questions))

    compared()
    return sum(refused)


def check_races(tables: Tables, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Somebody else appends between the look at the condition and the write."""

    @each(examples, phases)
    @given(st.lists(facts, max_size=2), facts, tagged_queries, facts)
    def judged(before: list[Tagged], mine: Tagged, query: Query, theirs: Tagged) -> None:
        with tables.opened() as (ours, others):
            if before:
                ours.dcb().append(before)
                settle(ours)
            forestall = meanwhile(partial(others.dcb().append, [theirs]))
            tables.faults.outage(forestall, calls=1, where=on_events)
            done = tables.faults.injected["meanwhile"]
            accepted = appends(ours.dcb(), [mine], query, len(before))
            looked = tables.faults.injected["meanwhile"] > done
            tables.faults.calm()
            assert looked
            assert accepted == (not matches(query, theirs)), f"{'accepted' if accepted else 'refused'} wrongly"

    judged()


def on_events(call: Call) -> bool:
    return call.operation == "TransactWriteItems" or (
        call.operation == "PutItem" and call.parameters["TableName"].endswith("-events")
    )


@pytest.mark.parametrize("examples", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_histories_go_as_the_specification_says(aws: Aws, examples: int, record_property: Figure) -> None:
    tables = Tables(aws)
    tables.faults.rate(RATE, *LOST, on=WRITES)
    refused = check_histories(tables, examples)
    lost = sum(tables.faults.injected.values())
    assert lost
    record_property(
        "figure",
        f"dcb.events on dynamodb: {examples} random histories as the specification says, {lost} replies lost; "
        f"{refused} conditions on the whole log refused",
    )


@pytest.mark.parametrize("examples", [25, pytest.param(400, marks=pytest.mark.soak)])
def test_a_condition_holds_at_the_place_of_its_append(aws: Aws, examples: int) -> None:
    check_races(Tables(aws), examples)


def looks_at_the_old_log(patch: pytest.MonkeyPatch) -> None:
    """A read gives no positions to what it asks for."""
    place = DynamoLog.place
    patch.setattr(DynamoLog, "place", lambda log, upto=None: 0 if upto is not None else place(log))


def numbers_from_the_commits_end(patch: pytest.MonkeyPatch) -> None:
    """Each event of a commit is told the position of its last one."""
    within = DynamoLog._within
    patch.setattr(
        DynamoLog,
        "_within",
        lambda log, entry, stream, version, last: last or within(log, entry, stream, version, last),
    )


BUGS: dict[str, tuple[Callable[..., None], Callable[[pytest.MonkeyPatch], None]]] = {
    "without guards": (check_races, lambda patch: plant(patch, without_guards)),
    "looks at the old log": (check_races, looks_at_the_old_log),
    "numbers from the commit's end": (check_histories, numbers_from_the_commits_end),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(aws: Aws, monkeypatch: pytest.MonkeyPatch, bug: str, record_property: Figure) -> None:
    check, planted = BUGS[bug]
    planted(monkeypatch)
    with pytest.raises(AssertionError, match="wrongly"):
        check(Tables(aws), 60, [Phase.generate])
    record_property("figure", f"dcb.events on dynamodb, teeth: {bug}: caught")
