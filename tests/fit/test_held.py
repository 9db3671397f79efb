"""The assumptions that say "measured" are held to the code that they speak of."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Process, Recorded, Send, Step, View, Workflow, send
from leftfold.adapters.dynamodb.layout import Content, commit_items, pack, size
from leftfold.adapters.dynamodb.rows import WRITERS
from leftfold.adapters.dynamodb.sequencing import Entry, Part
from leftfold.adapters.memory import Memory
from leftfold.archive import writer
from leftfold.cloud import schedules
from leftfold.cloud.alarms import alarms
from leftfold.cloud.machines import machine
from leftfold.cloud.settings import DEFAULTS, OfFunction
from leftfold.cloud.synthesis import graph_of
from leftfold.core.commits import Framed
from leftfold.core.processes import Todo
from leftfold.fit.costs.alternatives import BY_ID, bill
from leftfold.fit.costs.assumptions import ASSUMPTIONS, BY_NAME
from leftfold.fit.costs.event_sourced import SCHEDULED, functions
from leftfold.fit.costs.flow import commit, load_units, page
from leftfold.fit.costs.prices import built_in
from leftfold.lambdas import commands, projector
from leftfold.publish import Publish
from leftfold.testing import FrozenClock
from tests.fit.booking import Account, Book, Booked
from tests.fit.loads import SMALL, load as load_of

ROOT = Path(__file__).parents[2]
STEPS = 5
Figure = Callable[[str, object], None]


class Public(Struct, frozen=True):
    text: str


def public(event: Recorded[Booked]) -> Public:
    return Public(event.data.text)


account = Account()


def app(views: int = 1, publish: bool = False) -> App:
    return App(
        "bank",
        deciders=[account],
        views=[View(f"view{number}", initial=0, evolve=account.evolve) for number in range(views)],
        publish=[Publish(Booked, to="eventbridge:bus", as_=public)] if publish else [],
    )


def said(name: str) -> float:
    return BY_NAME[name].value


def near(value: float, told: float) -> bool:
    """Within a quarter: an assumption is a round number."""
    return told * 0.75 <= value <= told * 1.25


# sizes


def test_an_envelope_and_a_commits_item_are_as_large_as_said(record_property: Figure) -> None:
    command_id = "req-8f14e45f-ceea-467f-a9d1-1d2b9a5d4f0c"
    with app().open(Memory().open()) as session:
        session.category(account).handle("order-4711", Book("x" * 489), command_id=command_id, actor="teller-3")
        (stored,) = session.backend.log.page(after=0)
    part = Part("account/order-4711", 1, 1, 0)
    framed = Framed("Booked", (("account/order-4711", 1),), stored.body)
    entry = Entry((part,), 1_795_459_237_202_000, Content((framed,), 1))
    (item,) = commit_items("", entry, command_id, pack([framed], [part]))
    envelope, beside = len(stored.body) - 500, size(item) - len(stored.body)
    assert near(envelope, said("envelope_bytes"))
    assert near(beside, said("commit_item_bytes"))
    record_property("figure", f"an event of 500 bytes: {envelope} more in its envelope, {beside} more in its item")


def test_the_archive_packs_as_the_benchmark_measured() -> None:
    file = ROOT / BY_NAME["archive_compression"].why.split()[-1].rstrip(".")
    (row,) = [one for one in json.loads(file.read_text())["rows"] if one["row"] == "mw"]
    assert near(row["ours"]["size_bytes"] / 316, said("archive_compression"))


TOLD = re.compile(r"^\| (?P<work>[^|]+) \| (?P<write>[^|]+) \| (?P<read>[^|]+) \|$", re.MULTILINE)


def documented(work: str) -> list[float]:
    """The numbers in a row of docs/explanation/dynamodb.md, which tests/dynamodb/test_costs.py asserts."""
    page = (ROOT / "docs" / "explanation" / "dynamodb.md").read_text()
    (row,) = [row for row in TOLD.finditer(page) if row["work"] == work]
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", f"{row['write']} {row['read']}")]


def test_units_are_those_that_the_store_was_measured_at() -> None:
    workload = load_of(replace(SMALL, event_bytes=460.0))
    assert [commit(load_of()).units, 0.0] == documented("a command, warm")
    alone, tens, hundreds, _ = documented("the log, an event")
    assert page(workload, 1).units == alone
    assert page(workload, 10).units / 10 == pytest.approx(tens)
    assert near(page(workload, 100).units / 100, hundreds)
    _, loaded = documented("loading 100 events")
    whole = load_of(replace(SMALL, event_bytes=460.0), load_events=200.0)  # no snapshot among a hundred
    assert near(load_units(whole, 100 * whole.streams), loaded)


# what a deployment has


@pytest.mark.parametrize(("views", "publishes"), [(0, False), (1, False), (4, False), (0, True), (3, True)])
def test_a_stack_has_as_many_alarms_and_functions_as_said(views: int, publishes: bool) -> None:
    graph = graph_of(app(views, publishes))
    followers = views + publishes
    workload = load_of(replace(SMALL, read_models=float(views), downstream_consumers=float(publishes)))
    lines = {line.price: line.quantity for line in bill(BY_ID["event-source"], workload, built_in(), 12).lines}
    assert len(list(alarms(graph))) == lines["cloudwatch.alarm"]
    assert {function.name for function in graph.functions} == {*functions(workload)}
    assert {*functions(workload)} & {*SCHEDULED} == {edge.target for edge in graph.edges if edge.how == "schedule"}
    told = said("metrics_a_function") * len(graph.functions) + said("metrics_a_follower") * followers
    assert lines["cloudwatch.metric"] == told


def test_the_settings_of_a_deployment_are_as_said() -> None:
    assert OfFunction().memory_mb == said("memory_mb")
    assert DEFAULTS.log_days == said("log_days")
    assert DEFAULTS.archive.colder_after_days == said("colder_days")
    assert DEFAULTS.archive.coldest_after_days == said("coldest_days")
    assert f"rate({said('schedule_s') / 60:.0f} minutes)" == schedules.EVERY == DEFAULTS.archive.every
    assert said("segment_mb") * 2**20 == writer.SEGMENT_BYTES
    assert said("segment_s") == writer.MAX_AGE_S
    assert f"{WRITERS} at once" in BY_NAME["row_ms"].why


def request(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    context = {"http": {"method": method, "path": path}, "stage": "$default"}
    told = {"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {}, "requestContext": context}
    return told | {"body": body, "isBase64Encoded": False}


def test_a_calls_log_and_its_metrics_are_as_said(capsys: pytest.CaptureFixture[str], record_property: Figure) -> None:
    backend = Memory().open()
    handle, follow = commands(app(2), store=backend), projector(app(2), store=backend)
    handle(request("POST", "/commands/account/ann/Book", '{"text": "first"}'), None)
    capsys.readouterr()
    answer = handle(request("POST", "/commands/account/ann/Book", '{"text": "second"}'), None)
    line = capsys.readouterr().out
    assert answer["statusCode"] == 200
    assert near(len(line), 400)
    assert said("log_line_bytes") > len(line) + 3 * 26  # Lambda's START, END and REPORT, at the least
    assert near(len(metrics(line)[0]), said("metrics_a_function"))
    follow({}, None)
    lines = capsys.readouterr().out
    told = metrics(lines)
    assert near(len(lines.splitlines()[1]), said("follower_line_bytes"))
    assert [len(one) for one in told[1:]] == [said("metrics_a_follower")] * 2
    record_property("figure", f"a command's line in the log: {len(line)} bytes")


def metrics(lines: str) -> list[list[str]]:
    """The names in each line of metrics."""
    found = [json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"] for line in lines.splitlines()]
    return [[one["Name"] for one in metrics] for metrics in found]


# runs


class Data(Struct, frozen=True):
    done: int = 0


def book(data: Data) -> Send:
    return send(account, "a", Book("step"))


flow = Workflow("flow", data=Data, steps=[Step(f"s{number}", do=book) for number in range(STEPS)])


def test_a_machine_has_as_many_transitions_as_said() -> None:
    states, name, passed = machine(flow, "tasks")["States"], machine(flow, "tasks")["StartAt"], 1
    while not states[name].get("End"):
        state = states[name]
        name = state.get("Next") or next(one["Next"] for one in state["Choices"] if one.get("StringEquals") == "done")
        passed += 1
    assert passed == STEPS * said("step_transitions") + said("run_transitions")


def test_a_workflow_natively_is_two_commits_a_step_and_one_to_begin() -> None:
    with App("shop", deciders=[account], workflows=[flow]).open(Memory(FrozenClock()).open()) as session:
        session.workflow(flow).start("r1", Data())
        session.catch_up()
        assert session.workflow(flow).status("r1").status == "done"
        assert len(list(session.category(flow).events("r1"))) == STEPS * 2 + 1


class Count(Struct, frozen=True):
    seen: int = 0


def of_account(event: Recorded[Booked]) -> str:
    return event.key


def remember(count: Count, event: Booked) -> Count:
    return Count(count.seen + 1)


def react(count: Count, event: Booked) -> list[Todo]:
    return [send(account, "a", Book("next"))] if count.seen <= STEPS else []


def test_a_process_is_one_commit_a_step_and_none_to_begin() -> None:
    process = Process("steps", initial=Count(), correlate=of_account, evolve=remember, react=react)
    with App("shop", deciders=[account], processes=[process]).open(Memory(FrozenClock()).open()) as session:
        session.category(account).handle("a", Book("begin"))
        session.catch_up()
        types = [event.type for event in session.log()]
    booked, steps = types.count("Booked"), types.count("process.reacted")
    assert booked == 1 + STEPS
    assert steps == STEPS * said("step_commits") + 1  # the last one sees that nothing is left to do


def test_whatever_says_measured_says_where_and_that_is_there() -> None:
    told = [one for one in ASSUMPTIONS if "Measured" in one.why or "measured" in one.why]
    assert len(told) >= 10
    for one in told:
        _, _, where = one.why.replace("Measured", "measured").rpartition("measured: ")
        files = [word.strip(".,()") for word in where.split() if "/" in word]
        assert files or "the same" in where, one.name
        assert all((ROOT / file).exists() for file in files), one.name
