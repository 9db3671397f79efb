"""The interview: its order, its shortcuts, its time, and that nothing is lost."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, strategies as st

from leftfold.cli.interview import ANSWER_S, WORDS_A_MINUTE, End, Interview, Voice
from leftfold.cli.interview_file import Kept
from leftfold.cli.main import main
from leftfold.core.errors import ConfigError
from leftfold.fit.answers import Answers, Value
from leftfold.fit.questions import QUESTIONS, Question
from leftfold.fit.reading import read
from leftfold.fit.settling import settled


class Talk:
    """An interview with somebody who has an answer ready for each question."""

    def __init__(self, answers: Answers, reply: Callable[[str], str]) -> None:
        self.said: list[str] = []
        self.kept: list[tuple[str, Value | None]] = []
        self.reply = reply
        self.interview = Interview(answers, Voice(self._say, self._hear), self._keep, settled)

    def run(self) -> End:
        return self.interview.run()

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    @property
    def asked(self) -> list[str]:
        """The keys of the questions, in the order in which they came."""
        return [one.key for line in self.said for one in QUESTIONS if f" {one.ask} " in line]

    def _say(self, text: str, _style: str) -> None:
        self.said.append(text)

    def _hear(self) -> str:
        return self.reply(self.said[-1])

    def _keep(self, key: str, value: Value | None) -> None:
        self.kept.append((key, value))


def scripted(*lines: str) -> Callable[[str], str]:
    """These lines, and then no more."""
    left = iter(lines)

    def reply(_said: str) -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return reply


def by_key(**given: str) -> Callable[[str], str]:
    """What is given for its question, the example for a number, and yes for the rest; on with every offer."""

    def reply(said: str) -> str:
        for question in QUESTIONS:
            if f" {question.ask} " in said:
                return given.get(question.key, question.example.strip("[]"))
        return "a"

    return reply


def test_all_is_asked_in_the_order_of_the_questions() -> None:
    talk = Talk(Answers(), by_key())
    assert talk.run() == "done"
    assert talk.asked == [question.key for question in QUESTIONS]
    assert [key for key, _ in talk.kept] == talk.asked


def test_what_an_earlier_answer_makes_pointless_is_not_asked() -> None:
    talk = Talk(Answers(), by_key(erasure_required="no", concurrent_writers="no"))
    talk.run()
    assert {question.key for question in QUESTIONS} - set(talk.asked) == {"crypto_shredding_ok", "per_stream_writes_s"}


def test_only_what_is_unknown_is_asked() -> None:
    talk = Talk(Answers(context="orders", crud_verbs=False, read_models=3), by_key())
    talk.run()
    assert {question.key for question in QUESTIONS} - set(talk.asked) == {"context", "crud_verbs", "read_models"}
    assert talk.interview.answers.read_models == 3


def test_progress_counts_what_is_left() -> None:
    talk = Talk(Answers(), by_key(erasure_required="no"))
    talk.run()
    places = [(int(a), int(b)) for a, b in re.findall(r"^(\d+)/(\d+) ", talk.text, re.MULTILINE)]
    assert [place for place, _ in places] == list(range(1, len(places) + 1))
    assert places[0][1] == len(QUESTIONS)
    assert places[-1] == (len(QUESTIONS) - 1, len(QUESTIONS) - 1)
    minutes = [int(found) for found in re.findall(r", (\d) min left", talk.text)]
    assert minutes == sorted(minutes, reverse=True)
    assert minutes[-1] == 1


def test_enter_is_unknown_and_short_words_will_do() -> None:
    talk = Talk(Answers(), scripted("orders", "", "N", "y", "q"))
    assert talk.run() == "stopped"
    assert talk.kept == [
        ("context", "orders"),
        ("whole_system", None),
        ("observed_not_decided", False),
        ("workflow_only", True),
    ]
    choice = next(one for one in QUESTIONS if one.key == "subdomain")
    talk = Talk(answered_but(choice), scripted("sup"))
    talk.run()
    assert talk.kept == [("subdomain", "supporting")]


def test_a_question_mark_explains_and_asks_again() -> None:
    talk = Talk(Answers(context="a"), scripted("?", "n"))
    talk.run()
    assert QUESTIONS[1].help in talk.text
    assert talk.kept == [("whole_system", False)]


def test_garbage_is_told_and_asked_again() -> None:
    talk = Talk(Answers(context="a"), scripted("\x1b[A", "perhaps", "-3", "n"))
    talk.run()
    assert talk.text.count("is neither yes nor no") == 3
    assert "\x1b" not in talk.text
    assert talk.kept == [("whole_system", False)]


def test_going_back_takes_an_answer_away() -> None:
    talk = Talk(Answers(), scripted("b", "orders", "y", "b", "n"))
    talk.run()
    assert "the first question" in talk.text
    assert talk.kept == [("context", "orders"), ("whole_system", True), ("whole_system", None), ("whole_system", False)]
    assert talk.interview.answers == Answers(context="orders", whole_system=False)


def test_what_is_settled_is_said_and_the_load_still_asked() -> None:
    talk = Talk(Answers(), scripted("orders", "n", "n", "y", "", "7", "3"))
    assert talk.run() == "stopped"
    assert "Nothing left to ask can change the verdict: Step Functions. 9 of the questions set the costs." in talk.text
    assert talk.asked[4:] == ["read_models", "downstream_consumers", "commands_per_s"]


def test_one_may_stop_where_it_is_settled_or_go_on_with_all() -> None:
    talk = Talk(Answers(), scripted("orders", "n", "n", "y", "q"))
    assert talk.run() == "stopped"
    assert len(talk.asked) == 4
    talk = Talk(Answers(), scripted("orders", "n", "n", "y", "a", "n"))
    talk.run()
    assert talk.asked[4:6] == ["short_lived", "static_reference_data"]
    assert talk.text.count("Nothing left") == 1


def test_going_back_opens_again_what_was_settled() -> None:
    """Whoever mistyped the answer that decided is asked the rest after all, at the offer or later."""
    for lines in (("b", "n"), ("", "b", "n"), ("zork", "?", "b", "n")):
        talk = Talk(Answers(), scripted("orders", "n", "n", "y", *lines, "n", "n", "y"))
        talk.run()
        assert talk.asked[-1] == "process_rich", lines
        assert talk.text.count("Nothing left") == 1
        assert talk.interview.answers.workflow_only is False


def test_an_offer_that_is_not_understood_is_made_again() -> None:
    talk = Talk(Answers(), scripted("orders", "n", "n", "y", "perhaps", "?", "a", "n"))
    talk.run()
    assert talk.text.count("Enter: go on with these.  a: ask all.  b: back.  q: stop here.") == 3
    assert talk.asked[4] == "short_lived"


def test_the_longest_way_takes_under_five_minutes(record_property: Callable[[str, object], None]) -> None:
    talk = Talk(Answers(), by_key())
    talk.run()
    words = sum(len(line.split()) for line in talk.said)
    seconds = words / WORDS_A_MINUTE * 60 + ANSWER_S * len(talk.asked)
    record_property("figure", f"interview, longest way: {len(talk.asked)} questions, {words} words, {seconds:.0f} s")
    assert len(talk.asked) == len(QUESTIONS)
    assert seconds < 300


@given(st.lists(st.sampled_from(["", "y", "n", "b", "?", "7", "a", "core", "zork"]) | st.text(max_size=5), max_size=60))
def test_whatever_is_typed_ends_well(lines: list[str]) -> None:
    talk = Talk(Answers(), scripted(*lines))
    assert talk.run() in ("done", "stopped")
    said: dict[str, Value | None] = {}
    for key, value in talk.kept:
        said[key] = value
    found = talk.interview.answers
    assert all(found.value(key) == value for key, value in said.items() if value is not None)


def answered_but(question: Question) -> Answers:
    """Answers to every question but one."""
    talk = Talk(Answers(), by_key())
    talk.run()
    values: dict[str, Any] = {
        one.key: talk.interview.answers.value(one.key) for one in QUESTIONS if one is not question
    }
    return Answers(**values)


# ---- on a file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*args: str, lines: str) -> Result:
    result = CliRunner().invoke(main, ["fit", *args], input=lines)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def test_answers_are_written_into_their_places(folder: Path) -> None:
    file = folder / "orders.yaml"
    file.write_text("# ours\ncontext: orders\nwhole_system: unknown  # ask Kim\n")
    assert asked("orders.yaml", "--ask", lines="n\nn\nq\n").exit_code == 0
    text = file.read_text()
    assert text.startswith("# ours\ncontext: orders\nwhole_system: no  # ask Kim\nobserved_not_decided: no\n")
    assert [path.name for path in folder.iterdir()] == ["orders.yaml"]


def test_what_an_editor_writes_meanwhile_stays(folder: Path) -> None:
    file = folder / "fit.yaml"
    kept = Kept(file)
    with click.Context(main):
        kept.keep("context", "orders")
        file.write_text(file.read_text() + "# Kim: ask again in May\n")
        kept.keep("whole_system", False)
        assert file.read_text().endswith("# Kim: ask again in May\n")
        assert read(file.read_text(), "fit.yaml").answers == Answers(context="orders", whole_system=False)
        file.write_text("streams: many\n")
        with pytest.raises(ConfigError, match=r"fit\.yaml:1: streams: 'many' is no number"):
            kept.keep("team_size", 3.0)
    assert file.read_text() == "streams: many\n"


def test_a_file_that_is_not_there_is_made_by_the_interview(folder: Path) -> None:
    assert "Your answers are in new.yaml" in asked("new.yaml", "--ask", lines="orders\nq\n").stdout
    assert read((folder / "new.yaml").read_text(), "new.yaml").answers == Answers(context="orders")


def test_what_flags_answer_is_not_asked(folder: Path) -> None:
    told = asked("a.yaml", "--ask", "--context", "orders", "--whole-system", "no", lines="q\n").stdout
    assert f"1/{len(QUESTIONS) - 2} {QUESTIONS[2].ask}" in told


def test_a_broken_file_is_refused_before_anything_is_asked(folder: Path) -> None:
    (folder / "fit.yaml").write_text("crud_verb: yes\n")
    result = asked("fit.yaml", "--ask", lines="orders\n")
    assert result.exit_code == 3
    assert "fit.yaml:1: crud_verb: no such key" in result.stderr
    assert (folder / "fit.yaml").read_text() == "crud_verb: yes\n"


def test_broken_prices_are_told_before_anything_is_asked(folder: Path) -> None:
    result = asked("fit.yaml", "--ask", "--prices", "none.yaml", lines="orders\n")
    assert result.exit_code == 3
    assert "--prices none.yaml: No such file" in result.stderr
    assert not (folder / "fit.yaml").exists()


def test_a_file_that_can_not_be_written_is_told(folder: Path) -> None:
    result = asked("nowhere/fit.yaml", "--ask", lines="orders\n")
    assert result.exit_code == 3
    assert "nowhere/fit.yaml: No such file or directory" in result.stderr
