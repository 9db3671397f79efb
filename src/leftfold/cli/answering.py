"""The answers of `leftfold fit` as options: one for each question, named in the help by their groups."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import Final

import click

from leftfold.fit.questions import QUESTIONS, Question

ANSWERS_HEAD: Final = "Answers (yes|no where nothing else is said; `leftfold fit init` has the questions)"


COLUMN: Final = 13  # of the groups' names


class AnswerOption(click.Option):
    """An answer on the command line; what its text means, `fit.reading` says."""

    def __init__(self, question: Question) -> None:
        super().__init__([question.flag, question.key], metavar=_metavar(question), help=question.ask)
        self.question = question


class GroupedCommand(click.Command):
    """Its help explains the options that are no answers; of the answers it lists the names, by their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        records = (one.get_help_record(ctx) for one in options if not isinstance(one, AnswerOption))
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])
        answers = [one for one in options if isinstance(one, AnswerOption)]
        with formatter.section(ANSWERS_HEAD):
            for group, members in groupby(answers, key=lambda option: option.question.group):
                names = " ".join(_short(one.question) for one in members)
                _write(formatter, group[0].lower() + group[1:], names)


def _write(formatter: click.HelpFormatter, group: str, names: str) -> None:
    """Folded between names, never in one: each can be copied."""
    room = formatter.width - formatter.current_indent - COLUMN
    lines = wrap(names, room, break_on_hyphens=False, break_long_words=False)
    for head, line in zip([group, *[""] * len(lines)], lines, strict=False):
        formatter.write(f"{'':{formatter.current_indent}}{head:{COLUMN}}{line}\n")


def _short(question: Question) -> str:
    return question.flag if question.kind == "yes" else f"{question.flag}={_metavar(question)}"


def _metavar(question: Question) -> str:
    match question.kind:
        case "name":
            return "NAME"
        case "yes":
            return "yes|no"
        case "choice":
            return "|".join(question.values)
        case "several":
            return "LIST"
        case "number":
            return "N"


ANSWERS: Final[list[click.Parameter]] = [AnswerOption(question) for question in QUESTIONS]
