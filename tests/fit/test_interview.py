"""The interview: its order, its shortcuts, its time, and that nothing is lost, on a pipe and on a real terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, strategies as st

from leftfold.cli.interview import ANSWER_S, WORDS_A_MINUTE, End, Interview, Voice
from leftfold.cli.main import main
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


def test_a_file_that_can_not_be_written_is_told(folder: Path) -> None:
    result = asked("nowhere/fit.yaml", "--ask", lines="orders\n")
    assert result.exit_code == 3
    assert "nowhere/fit.yaml: No such file or directory" in result.stderr


# ---- on a terminal


class Terminal:
    """`leftfold fit` on a pseudo-terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.shown = ""
        self._seen = 0
        self._fd, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from leftfold.cli.main import main; main()", "fit"],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "dumb", "COLUMNS": "100", "PYTHONUTF8": "1"},
            start_new_session=True,
            preexec_fn=_take_terminal,  # Ctrl-C is to reach it; no thread runs here
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        """Wait until it is shown, after what was waited for before."""
        while (at := self.shown.find(text, self._seen)) < 0:
            assert self._read(), f"{text!r} never came after:\n{self.shown}"
        self._seen = at + len(text)

    def reply(self, asked: str, text: str | bytes) -> None:
        """Type it once this was asked and the prompt is there: before that the terminal is not yet the program's."""
        self.until(asked)
        self.until("> ")
        self.type(text)

    def type(self, text: str | bytes) -> None:
        os.write(self._fd, text.encode() if isinstance(text, str) else text)

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(timeout=60)

    def interrupt(self, asked: str) -> int:
        """Ctrl-C once this was asked; again if nothing comes of it, for Python may miss one just before it waits."""
        self.reply(asked, "\x03")
        while self.process.poll() is None:
            if not self._read(2):
                self.type("\x03")
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def _read(self, within_s: float = 60) -> bool:
        ready, _, _ = select.select([self._fd], [], [], within_s)
        try:
            data = os.read(self._fd, 4096) if ready else b""
        except OSError:  # EIO: the other side is closed
            data = b""
        self.shown += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_ctrl_c_keeps_what_was_answered(terminal: Terminal, tmp_path: Path) -> None:
    terminal.reply("(as orders)", "orders\n")
    terminal.reply("(y/n)", "n\n")
    assert terminal.interrupt("3/36") == 130
    assert "leftfold fit fit.yaml --ask" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert read((tmp_path / "fit.yaml").read_text(), "fit.yaml").answers == Answers(
        context="orders", whole_system=False
    )


def test_a_terminal_may_say_anything(terminal: Terminal) -> None:
    terminal.reply("(as orders)", b"caf\xe9\x01\x1b[A\x7f\x7forders\n")
    terminal.reply("(y/n)", b"\xff\xfe\x1b[31m\n")
    terminal.reply("neither yes nor no", "\x04")  # the end
    assert terminal.end() == 0
    assert "Traceback" not in terminal.shown
    assert "Your answers are in fit.yaml" in terminal.shown


def test_a_file_that_is_here_already_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_text("context: orders\n")
    terminal = Terminal(tmp_path)
    try:
        terminal.reply("fit.yaml is here already", "\n")
        terminal.reply(QUESTIONS[1].ask, "q\n")
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert "orders: " in terminal.shown


def test_another_file_may_be_begun_beside_it(tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_text("context: orders\n")
    terminal = Terminal(tmp_path)
    try:
        terminal.reply("fit.yaml is here already", "n\n")
        terminal.reply("(as orders)", "stock\n")
        terminal.reply("(y/n)", "q\n")
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert (tmp_path / "fit.yaml").read_text() == "context: orders\n"
    assert read((tmp_path / "fit-2.yaml").read_text(), "fit-2.yaml").answers == Answers(context="stock")
