"""`leftfold fit`: its three ways in, what it takes and refuses, and the forms in which it answers."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from leftfold.cli.advice import screenful
from leftfold.fit.advising import advise
from leftfold.fit.answers import Answers
from leftfold.fit.costs.prices import built_in
from leftfold.fit.questions import QUESTIONS, Question
from leftfold.fit.report import html, json, markdown
from tests.cli.desk import Desk
from tests.fit.drawn import ANSWERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "fit.md"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with two questionnaires and an app."""
    found = Desk(tmp_path, monkeypatch)
    (tmp_path / "cms.yaml").write_text("context: cms\ncrud_verbs: yes\nprocess_rich: no\nprovable_audit: no\n")
    (tmp_path / "orders.yaml").write_text("history_is_business_data: yes\nprocess_rich: yes\nsubdomain: core\n")
    return found


def test_one_file_gives_its_report(desk: Desk) -> None:
    told = desk.ok("fit", "cms.yaml")
    assert told.startswith("cms: no, plain tables")


def test_flags_alone_are_enough(desk: Desk) -> None:
    assert desk.json("fit", "--crud-verbs", "yes", "--short-lived", "yes")["verdict"] == "plain"
    assert desk.json("fit", "--workflow-only=yes")["verdict"] == "workflow"


def test_a_flag_asks_what_if(desk: Desk) -> None:
    before = desk.json("fit", "orders.yaml")
    after = desk.json("fit", "orders.yaml", "--short-lived", "yes", "--commands-per-s", "50")
    assert (before["verdict"], after["verdict"]) == ("event-source", "core-only")
    assert after["costs"]["plain"] > before["costs"]["plain"]
    assert desk.json("fit", "orders.yaml", "--process-rich", "unknown")["score"] == before["score"] - 3


def test_an_app_alone_is_enough_and_its_store_is_not_touched(desk: Desk) -> None:
    desk.fill()
    before = (desk.folder / "bank.db").read_bytes()
    told = desk.json("fit", "--from", "bank:app", "--commands-per-s", "3")
    assert told["answers"]["streams"] == 2
    assert told["measured"]["answers"]["streams"] == 2
    assert (desk.folder / "bank.db").read_bytes() == before


def test_what_is_measured_counts_more_than_the_file_and_less_than_flags(desk: Desk) -> None:
    desk.fill()
    (desk.folder / "bank.yaml").write_text("streams: 7\nread_models: 7\n")
    told = desk.json("fit", "bank.yaml", "--from", "bank:app", "--read-models", "9")
    assert (told["answers"]["streams"], told["answers"]["read_models"]) == (2, 9)
    assert "read_models" not in told["measured"]["answers"]


def test_a_context_without_a_name_has_its_file_s(desk: Desk) -> None:
    assert desk.json("fit", "orders.yaml")["context"] == "orders"
    assert desk.json("fit", "cms.yaml")["context"] == "cms"
    assert desk.json("fit", "cms.yaml", "--context", "pages")["context"] == "pages"


def test_names_of_files_that_are_long_or_no_text_are_said_as_they_can_be(desk: Desk) -> None:
    desk.fill()
    (desk.folder / f"{'a' * 200}.yaml").write_text("streams: 3\n")
    assert desk.json("fit", f"{'a' * 200}.yaml")["context"] == "a" * 80
    for name in ("\udcff.yaml", "\udcff.log"):
        assert desk.json("fit", "init", name)["file"] == name.replace("\udcff", "\\udcff")
    (desk.folder / "\udcff.db").write_bytes((desk.folder / "bank.db").read_bytes())
    told = desk.json("fit", "--from", "bank:app", "--store", "sqlite:\udcff.db")
    assert told["measured"]["source"] == "bank on sqlite:\\udcff.db"
    desk.ok("fit", "--from", "bank:app", "--store", "sqlite:\udcff.db", "--out", "report.html")


def test_several_files_give_a_table_and_one_document(desk: Desk) -> None:
    told = desk.ok("fit", "cms.yaml", "orders.yaml")
    assert re.search(r"^cms +plain", told, re.MULTILINE)
    assert re.search(r"^orders +event-source", told, re.MULTILINE)
    contexts = desk.json("fit", "cms.yaml", "orders.yaml")["contexts"]
    assert [one["context"] for one in contexts] == ["cms", "orders"]


@pytest.mark.parametrize(("suffix", "begin"), [(".json", "{"), (".md", "# "), (".html", "<!doctype html>")])
def test_a_report_is_written_by_its_suffix(desk: Desk, suffix: str, begin: str) -> None:
    for files in (("cms.yaml",), ("cms.yaml", "orders.yaml")):
        path = desk.folder / f"{len(files)}{suffix}"
        assert f"Wrote {path}" in desk.ok("fit", *files, "--out", str(path))
        text = path.read_text()
        assert text.lower().startswith(begin)
        assert "cms" in text


@settings(max_examples=15)
@given(ANSWERS)
def test_any_answers_come_out_in_every_form(answers: Answers) -> None:
    advice = advise(answers, built_in(), {})
    told = json.text([advice])
    costs = msgspec.json.decode(told, type=dict[str, Any])["costs"]
    assert all(isinstance(usd, int | float) and usd >= 0 for usd in costs.values())  # NaN and infinity are null
    assert markdown.markdown([advice])
    assert html.html([advice])
    lines = screenful(advice)
    assert len(lines) < 24
    assert max(len(line.plain) for line in lines) <= 80


def test_no_answers_tell_the_ways_in(desk: Desk) -> None:
    told = desk.error("fit", code=2)
    for way in ("leftfold fit init", "leftfold fit --crud-verbs no", "an interview"):
        assert way in told


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("cms.yaml", "orders.yaml", "--ask"), "--ask is for one file"),
        (("cms.yaml", "--ask", "--json"), "--ask is for one file"),
        (("cms.yaml", "orders.yaml", "--from", "bank:app"), "about one context"),
        (("cms.yaml", "orders.yaml", "--context", "a"), "about one context"),
        (("cms.yaml", "--store", "sqlite:bank.db"), "name the app with --from"),
        (("cms.yaml", "--out", "report.pdf"), "is written as .html, .md or .json"),
        (("--commands-per-s", "20/s"), "--commands-per-s: '20/s' has a unit"),
        (("--team-size", "0", "--streams", "-1"), "--streams: '-1' is negative"),
        (("--assume", "pek=3"), "did you mean 'peak'?"),
        (("cms.yaml", "--assume", "peak"), "--assume peak: '' is no number"),
        (("--command-per-s", "20"), "--commands-per-s"),
    ],
)
def test_wrong_use_is_said_with_code_2(desk: Desk, args: tuple[str, ...], said: str) -> None:
    result = desk.run("fit", *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_the_faults_of_all_files_are_told_a_line_each(desk: Desk) -> None:
    (desk.folder / "bad.yaml").write_text("crud_verb: yes\nstreams: -1\n")
    told = desk.error("fit", "bad.yaml", "cms.yaml", "missing.yaml", ".", code=3)
    assert told.splitlines() == [
        "ConfigError: bad.yaml:1: crud_verb: no such key; did you mean 'crud_verbs'?",
        "bad.yaml:2: streams: '-1' is negative; write 0 or more (things)",
        "missing.yaml: there is no such file; `leftfold fit init missing.yaml` writes one.",
        ".: Is a directory.",
    ]


def test_a_price_file_without_a_date_is_told_with_its_line(desk: Desk) -> None:
    (desk.folder / "prices.yaml").write_text("prices:\n  dynamodb.write:\n    usd: 0.7\n")
    assert "prices.yaml:2:" in desk.error("fit", "cms.yaml", "--prices", "prices.yaml", code=3)
    assert "--prices none.yaml: No such file" in desk.error("fit", "cms.yaml", "--prices", "none.yaml", code=3)


def test_a_report_that_can_not_be_written_is_told(desk: Desk) -> None:
    told = desk.error("fit", "cms.yaml", "--out", "nowhere/report.json", code=3)
    assert "--out nowhere/report.json: No such file" in told


def test_every_flag_is_in_the_help_in_one_piece(desk: Desk) -> None:
    told = desk.ok("fit", "--help")
    for question in QUESTIONS:
        assert re.search(rf" {question.flag}(=|\s)", told)
    assert len(told.splitlines()) <= 60
    assert max(map(len, told.splitlines())) <= 90


@pytest.mark.parametrize(("args", "loaded"), [("--help", False), ("fit --help", False), ("fit a.yaml", True)])
def test_no_yaml_is_loaded_where_none_is_read(args: str, loaded: bool, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("crud_verbs: perhaps\n")
    code = "import sys; from leftfold.cli.main import main; main(standalone_mode=False)"
    after = "import atexit, sys; atexit.register(lambda: print('yaml' in sys.modules, file=sys.stderr))"
    done = subprocess.run(
        [sys.executable, "-c", f"{after}; {code}", *args.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == str(loaded)


def row(question: Question) -> str:
    """A question's line in the reference."""
    listed = ", ".join(f"`{value}`" for value in question.values)
    looks = {
        "name": "a name",
        "yes": "`yes` or `no`",
        "choice": listed,
        "several": f"{listed}: separated by commas; `none`",
        "number": f"{question.unit}; {question.low:,.0f} to {question.high:,.0f}{', whole' if question.whole else ''}",
    }
    return f"| `{question.flag}` | {looks[question.kind]} | {question.ask} |"


def test_the_reference_has_every_question_as_it_is_asked() -> None:
    section = PAGE.read_text().partition("## `leftfold fit")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| `--[a-z-]+` \| .+ \| .+\? \|$", line)]
    assert rows == [row(question) for question in QUESTIONS]
