"""Every verdict comes with a design on AWS that hangs together, names what exists, and follows the answers."""

import re
import shlex
import sys
from typing import Any, get_args

import click
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from leftfold import App, View
from leftfold.cli.init import check_name
from leftfold.cli.main import main
from leftfold.cloud.graph import Graph
from leftfold.cloud.settings import settings
from leftfold.cloud.synthesis import graph_of, templates
from leftfold.fit.advice import Arrow, Design
from leftfold.fit.answers import Answers
from leftfold.fit.blueprint_parts import PARTS
from leftfold.fit.costs.assumptions import assumed
from leftfold.fit.costs.leaving_out import left_out
from leftfold.fit.costs.workload import workload
from leftfold.fit.designs import design, module_name
from leftfold.fit.judgement import Verdict
from leftfold.publish import Publish
from tests.cloud.apps import Added, count, echo, public, till
from tests.fit.advices import ANSWERS, answered

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COMMAND = re.compile(r"`(leftfold [^`]+)`")


def drawn(verdict: Verdict, answers: Answers) -> Design:
    return design(answers, verdict, workload(answers, {}))


def faults(found: Design) -> list[str]:
    """What doesn't hang together in a design."""
    names = [one.name for one in found.services]
    ends = {end for arrow in found.arrows for end in (arrow.source, arrow.target)}
    wrong = [f"{end} is no service of the design" for end in sorted(ends - set(names))]
    wrong += [f"{name} is in no arrow" for name in names if name not in ends]
    wrong += [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
    wrong += [f"{name} is apart from the rest" for name in sorted(ends - reached(found.arrows))]
    if not found.steps or not found.tables:
        wrong.append("no steps or no tables")
    wrong += [f"{text}: a placeholder" for text in texts(found) if "{" in text]
    return wrong


def reached(arrows: tuple[Arrow, ...]) -> set[str]:
    seen = {arrows[0].source}
    for _ in arrows:
        for arrow in arrows:
            if seen & {arrow.source, arrow.target}:
                seen |= {arrow.source, arrow.target}
    return seen


def texts(found: Design) -> list[str]:
    return [found.title, *found.steps, *(f"{one.name} {one.role}" for one in (*found.services, *found.tables))]


def command_faults(text: str) -> list[str]:
    """The command line's own parser reads what a text says in backticks, without running it."""
    wrong: list[str] = []
    for command in COMMAND.findall(text):
        _, name, *words = shlex.split(command)
        verb = main.commands.get(name)
        if verb is None:
            wrong.append(f"there is no {name}")
        elif words:  # the verb alone is a mention
            try:
                parse(verb, words)
            except click.UsageError as error:
                wrong.append(f"{command}: {error.format_message()}")
    return wrong


def parse(verb: click.Command, words: list[str]) -> None:
    context = verb.make_context(verb.name, list(words), parent=click.Context(main), resilient_parsing=False)
    if isinstance(verb, click.Group) and words:
        parse(verb.commands[words[0]], words[1:])
    assert context.params is not None


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_a_design_that_hangs_together(verdict: Verdict) -> None:
    for answers in (Answers(), answered(True), answered(False)):
        assert faults(drawn(verdict, answers)) == []


@given(answers=ANSWERS, verdict=st.sampled_from(VERDICTS))
def test_any_answers_give_a_design_that_hangs_together(answers: Answers, verdict: Verdict) -> None:
    assert faults(drawn(verdict, answers)) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"services": ()},
        {"steps": ()},
        {"tables": ()},
        {"arrows": (Arrow("API Gateway", "Lambda: commands"),)},
        {"title": "a table called {name}"},
    ],
)
def test_a_planted_fault_in_a_design_is_caught(planted: dict[str, Any]) -> None:
    assert faults(replace(drawn("plain", Answers()), **planted))


def test_an_island_is_caught() -> None:
    found = drawn("event-source", Answers())
    without = tuple(arrow for arrow in found.arrows if arrow.label != "stream")
    assert any("apart" in fault for fault in faults(replace(found, arrows=without)))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_command_that_a_step_names_exists_with_its_options(verdict: Verdict) -> None:
    named = [fault for text in texts(drawn(verdict, answered(True))) for fault in command_faults(text)]
    assert named == []


@pytest.mark.parametrize(
    "text", ["`leftfold inti shop`", "`leftfold synth shop:app`", "`leftfold archive x:y --too s3:B`"]
)
def test_a_command_that_does_not_exist_is_caught(text: str) -> None:
    assert command_faults(text)


def test_every_part_is_drawn_by_some_answers() -> None:
    for part in PARTS:
        for verdict in part.verdicts:
            bare = [text.partition("{")[0] for text in (*part.steps, *part.after, *(one.name for one in part.services))]
            designs = [texts(drawn(verdict, answered(each))) for each in (True, False)]
            assert any(all(any(start in text for text in shown) for start in bare) for shown in designs)


def synthesized(context: str) -> tuple[Graph, dict[str, Any]]:
    """What synth makes of an app with views, reactions, publishing and an HTTP API."""
    told = App(
        context,
        deciders=[till],
        views=[View("sums", initial=0, evolve=count)],
        reactions=[echo],
        publish=[Publish(Added, to="eventbridge:ledger", as_=public)],
    )
    graph = graph_of(told, settings({"api": {"kind": "http-api", "auth": "iam"}}))
    made = templates(graph, told)
    return graph, {name: one for part in made.values() for name, one in part["Resources"].items()}


def test_event_sourcing_has_the_tables_the_functions_and_the_api_that_synth_makes() -> None:
    graph, made = synthesized("orders")
    found = drawn("event-source", replace(answered(True), context="Orders"))
    tables = {one["Properties"]["TableName"] for one in made.values() if one["Type"] == "AWS::DynamoDB::Table"}
    assert tables == {one.name for one in found.tables if one.name.startswith("prod-")}
    functions = {one.name.removeprefix("Lambda: ") for one in found.services if one.name.startswith("Lambda: ")}
    assert functions <= {one.kind for one in graph.functions}
    assert len(functions) == 7
    assert any(one["Type"] == "AWS::ApiGatewayV2::Api" for one in made.values())
    assert any(one["Type"] == "AWS::S3::Bucket" for one in made.values())


def test_what_is_drawn_and_not_priced_is_told() -> None:
    answers = Answers(process_rich=True, erasure_required=True, ad_hoc_sql_reporting=True, max_event_kb=263)
    told = " ".join(left_out(answers, workload(answers, assumed({}))))
    drawn_too = {one.name for one in drawn("event-source", answers).services}
    for name, said in {
        "Lambda: reactor": "reactor",
        "DynamoDB: people": "each person",
        "Athena: questions": "Athena",
        "S3: objects": "object in S3",
    }.items():
        assert name in drawn_too
        assert said in told


def test_the_checks_of_a_chain_are_drawn_and_told() -> None:
    answers = Answers(provable_audit=True)
    assert "Lambda: verifier" in [one.name for one in drawn("sealed-log", answers).services]
    assert any("checks of a whole chain" in one for one in left_out(answers, workload(answers, assumed({}))))


def test_whom_the_log_wakes_is_whom_synth_lets_it_wake() -> None:
    graph, _ = synthesized("orders")
    found = drawn("event-source", answered(True))
    woken = {one.target for one in found.arrows if (one.source, one.label) == ("DynamoDB: log", "stream")}
    assert woken == {f"Lambda: {one.target}" for one in graph.edges if (one.source, one.how) == ("log", "stream")}


def test_the_first_step_of_event_sourcing_makes_the_project() -> None:
    assert drawn("event-source", Answers(context="Bank Ledger")).steps[0].startswith("`leftfold init bank_ledger`")


def test_plain_tables_say_that_leftfold_is_not_needed() -> None:
    for verdict in ("plain", "outbox"):
        assert drawn(verdict, Answers()).steps[0].startswith("You don't need leftfold here")


@pytest.mark.parametrize(
    ("verdict", "answers", "names"),
    [
        ("event-source", Answers(erasure_required=True), "DynamoDB: people"),
        ("event-source", Answers(downstream_consumers=1), "EventBridge"),
        ("event-source", Answers(ad_hoc_sql_reporting=True), "Athena: questions"),
        ("event-source", Answers(max_event_kb=400), "S3: objects"),
        ("event-source", Answers(retention_years=7), "S3: archive"),
        ("event-source", Answers(process_rich=True), "Lambda: reactor"),
        ("outbox", Answers(regulation=("sox",), downstream_consumers=0), "DynamoDB: audit"),
        ("outbox", Answers(downstream_consumers=2), "Lambda: relay"),
    ],
)
def test_an_answer_adds_what_it_needs(verdict: Verdict, answers: Answers, names: str) -> None:
    assert names in [one.name for one in drawn(verdict, answers).services]
    assert names not in [one.name for one in drawn(verdict, answered(False)).services]


@pytest.mark.parametrize(
    ("verdict", "answers", "says"),
    [
        ("event-source", Answers(needs_immediate_reads=True), "after=receipt"),
        ("event-source", Answers(per_stream_writes_s=800), "Split the hot key"),
        ("event-source", Answers(multi_region_writers=True), "home region"),
        ("event-source", Answers(max_event_kb=263), "Put documents into S3 first"),
        ("event-source", Answers(regulation=("sec17a4",)), "--keep-days"),
        ("sealed-log", Answers(regulation=("sec17a4",)), "COMPLIANCE mode for six years"),
        ("stream", Answers(), "context of its own"),
        ("plain", Answers(provable_audit=True), "Seal what must be proved"),
        ("outbox", Answers(provable_audit=True), "Seal what must be proved"),
        ("stream", Answers(provable_audit=True), "Seal what must be proved"),
        ("plain", Answers(concurrent_writers=True), "Guard each write"),
        ("event-source", Answers(latency_budget_ms=50), "Measure first how long a change takes"),
    ],
)
def test_an_answer_adds_what_is_to_be_done(verdict: Verdict, answers: Answers, says: str) -> None:
    assert says in "\n".join(drawn(verdict, answers).steps)


def test_whom_nobody_hears_needs_no_outbox() -> None:
    lonely = drawn("outbox", answered(False))
    assert "EventBridge" not in [one.name for one in lonely.services]
    assert any("Until then the table alone will do" in step for step in lonely.steps)
    for heard in (Answers(), replace(answered(False), downstream_consumers=1)):
        found = drawn("outbox", heard)
        assert "EventBridge" in [one.name for one in found.services]
        assert not any("Until then" in step for step in found.steps)


def test_an_audit_alone_needs_no_outbox() -> None:
    found = drawn("outbox", Answers(regulation=("sox",), downstream_consumers=0))
    assert "EventBridge" not in [one.name for one in found.services]


@given(context=st.text(max_size=80) | st.sampled_from(["email", "test", "class", "match", "app", "1", "É", "types"]))
def test_any_name_of_a_context_gives_a_module_that_init_takes(context: str) -> None:
    check_name(module_name(context))


@pytest.mark.parametrize("name", [*sorted(sys.stdlib_module_names)[::40], "if", "case", "rich", "conftest"])
def test_a_name_that_is_taken_gets_another(name: str) -> None:
    check_name(module_name(name))
