"""The interview on a file: each answer is written as it is given, in its place, so that nothing is lost by stopping."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from leftfold.cli.files import read_some, write_whole
from leftfold.cli.interview import Interview, Style, Voice
from leftfold.cli.output import clean, show, styled, when_stopped
from leftfold.core.errors import ConfigError
from leftfold.fit.answers import Answers, Value
from leftfold.fit.reading import Questionnaire, read
from leftfold.fit.settling import settled
from leftfold.fit.writing import changed, write


def interviewed(path: Path, known: Callable[[Questionnaire | None], Answers], *, is_named: bool) -> Path:
    """Ask for what `known` makes of the file and leaves unknown; one that isn't there is made. The file's path."""
    voice = _voice()
    if not is_named and path.exists():
        path = _which(path, voice)
    kept = Kept(path)
    Interview(known(kept.read()), voice, kept.keep, settled).run()
    kept.make()
    show(styled("\nYour answers are in ", (clean(str(path)), "bold"), ", to be changed there.\n"))
    return path


def _which(path: Path, voice: Voice) -> Path:
    """Whether to go on with the file that is there, or to begin another one."""
    fresh = next(
        one for number in range(2, sys.maxsize) if not (one := path.with_stem(f"{path.stem}-{number}")).exists()
    )
    voice.say(f"{path} is here already. Enter: go on with it.  n: begin {fresh}.", "")
    with suppress(EOFError):
        if voice.hear().strip().lower().startswith("n"):
            return fresh
    return path


class Kept:
    """The file, as it is at the time: it may be open in an editor too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Questionnaire | None:
        text = self._here()
        return read(text, str(self.path)) if text else None

    def make(self) -> None:
        """The file, where nothing was answered."""
        if not self._here():
            self._write(write(Answers()))

    def keep(self, key: str, value: Value | None) -> None:
        self._write(changed(self._here() or write(Answers()), key, value, str(self.path)))

    def _here(self) -> str:
        """What the file says. Raises ConfigError where no answer could be kept in it."""
        try:
            if self.path.exists() and not self.path.is_file():
                raise ConfigError(f"{self.path} is no file that answers can be kept in: name another one.")
            return read_some(self.path).decode("utf-8") if self.path.exists() else ""
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path}: the file is not UTF-8; save it as UTF-8.") from None

    def _write(self, text: str) -> None:
        try:
            write_whole(self.path, text)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}; the last answer is not in it.") from error
        when_stopped(f"your answers are in {self.path}: `leftfold fit {shlex.quote(str(self.path))} --ask` goes on.")


def _voice() -> Voice:
    stdin: object = sys.stdin
    if isinstance(stdin, io.TextIOWrapper):
        stdin.reconfigure(errors="replace")  # whatever is typed is an answer, or none
    with suppress(ImportError):
        import_module("readline")  # lets a line be edited; not on every system
    return Voice(_say, _hear)


def _say(text: str, style: Style) -> None:
    show(styled((text, style)))


def _hear() -> str:
    try:
        return input("> ")
    except KeyboardInterrupt:
        show()  # what is said of it stands in a line of its own
        raise
