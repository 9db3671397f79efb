"""`leftfold fit init`: a file with every question, which reads back, and never takes another one's place."""

import re
from pathlib import Path

import pytest

from leftfold.fit.answers import Answers
from leftfold.fit.questions import QUESTIONS
from leftfold.fit.reading import read
from leftfold.fit.writing import hint, write
from tests.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_every_question_is_in_the_file_with_its_words_and_unknown(desk: Desk) -> None:
    told = desk.ok("fit", "init")
    text = (desk.folder / "fit.yaml").read_text()
    lines = text.splitlines()
    for question in QUESTIONS:
        place = lines.index(f"{question.key}: unknown")
        assert lines[place - 1].startswith(f"# {question.ask}")
        assert hint(question) in lines[place - 1]
    assert re.findall(r"^# --- (.+) ---$", text, re.MULTILINE) == list(dict.fromkeys(one.group for one in QUESTIONS))
    assert max(map(len, lines)) <= 110
    assert read(text, "fit.yaml").answers == Answers()
    assert "leftfold fit fit.yaml --ask" in told


def test_a_file_that_is_there_stays_as_it_is(desk: Desk) -> None:
    (desk.folder / "fit.yaml").write_text("mine")
    assert "stays as it is" in desk.error("fit", "init", code=3)
    assert (desk.folder / "fit.yaml").read_text() == "mine"


def test_flags_are_answers_in_the_file(desk: Desk) -> None:
    desk.ok("fit", "init", "orders.yaml", "--context", "my: orders", "--streams", "1_000", "--regulation", "gdpr")
    text = (desk.folder / "orders.yaml").read_text()
    assert 'context: "my: orders"\n' in text
    assert "streams: 1000\n" in text
    assert read(text, "orders.yaml").answers == Answers(context="my: orders", streams=1000.0, regulation=("gdpr",))


def test_what_an_app_shows_is_in_the_file(desk: Desk) -> None:
    desk.fill()
    desk.ok("fit", "init", "--from", "bank:app")
    found = read((desk.folder / "fit.yaml").read_bytes(), "fit.yaml").answers
    assert (found.streams, found.read_models) == (2.0, 2.0)
    assert found.crud_verbs is None


def test_programs_are_told_the_file_and_its_answers(desk: Desk) -> None:
    told = desk.json("fit", "init", "orders.yaml", "--crud-verbs", "no")
    assert told["file"] == "orders.yaml"
    assert told["answers"]["crud_verbs"] is False


def test_a_place_that_can_not_be_written_is_told(desk: Desk) -> None:
    assert "nowhere/fit.yaml: No such file" in desk.error("fit", "init", "nowhere/fit.yaml", code=3)


@pytest.mark.parametrize(
    "args", [("a.yaml", "b.yaml"), ("init",), ("--ask",), ("--out", "x.json"), ("--prices", "p.yaml")]
)
def test_init_does_nothing_else(desk: Desk, args: tuple[str, ...]) -> None:
    assert "writes one file" in desk.error("fit", "init", *args, code=2)
    assert not list(desk.folder.glob("*.yaml"))


def test_own_assumptions_are_written_and_read_back() -> None:
    text = write(Answers(), {"peak": 5.0, "query_bytes": 1e4})
    assert read(text, "fit.yaml").assume == {"peak": 5.0, "query_bytes": 10000.0}
