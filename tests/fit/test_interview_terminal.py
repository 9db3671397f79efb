"""The interview on a real terminal: Ctrl-C at every prompt, the end of input, and whatever a terminal may say."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leftfold.fit.answers import Answers
from leftfold.fit.questions import QUESTIONS
from leftfold.fit.reading import read


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


@pytest.mark.parametrize(
    ("before", "lines", "at"),
    [
        ("", [], "(as orders)"),
        ("context: orders\n", [], "fit.yaml is here already"),
        ("observed_not_decided: no\nworkflow_only: yes\n", ["\n", "\n"], "Nothing left to ask"),
    ],
)
def test_ctrl_c_stops_at_every_prompt(tmp_path: Path, before: str, lines: list[str], at: str) -> None:
    if before:
        (tmp_path / "fit.yaml").write_text(before)
    terminal = Terminal(tmp_path)
    try:
        for line in lines:
            terminal.reply("", line)
        assert terminal.interrupt(at) == 130
    finally:
        terminal.close()
    assert "\nStopped: " in terminal.shown.replace("\r", ""), "in a line of its own"
    assert "Traceback" not in terminal.shown
    assert (tmp_path / "fit.yaml").exists() == bool(before)


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
