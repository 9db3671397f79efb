"""The interview of `leftfold fit`: one question after the other, the order is that in which they matter.

It only says and hears: what it is given to speak through can be a terminal, a pipe or a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final, Literal

from msgspec import Struct

from leftfold.cli.output import clean
from leftfold.fit.answers import Answers, Value
from leftfold.fit.costs.workload import UNANSWERED
from leftfold.fit.judgement import TITLES, Verdict
from leftfold.fit.numbers import Wrong
from leftfold.fit.questions import BY_KEY, QUESTIONS, Question
from leftfold.fit.reading import UNKNOWN, answers_of, parsed
from leftfold.fit.writing import hint

WORDS_A_MINUTE: Final = 200  # at which a line is read with care
ANSWER_S: Final = 3  # to answer a question that was understood
HOW: Final = "Enter: unknown.  ?: explain.  b: back.  q: stop here, answers are kept."
OFFERED: Final = "a: ask all.  b: back.  q: stop here."
PRICED: Final = frozenset(UNANSWERED) | {"budget_usd_month"}  # what the costs need, whatever the verdict

End = Literal["done", "stopped"]
Style = Literal["", "bold", "dim"]
Settled = Callable[[Answers, Sequence[str]], Verdict | None]
"""The verdict, if no answer to these keys can change it."""


class Voice(Struct, frozen=True):
    """How the interview speaks. `hear` returns a line, and raises EOFError where no more will come."""

    say: Callable[[str, Style], None]
    hear: Callable[[], str]


class Interview:
    """Asks what `answers` leaves unknown. `keep` is called with each answer as it is given."""

    def __init__(
        self, answers: Answers, voice: Voice, keep: Callable[[str, Value | None], None], settled: Settled
    ) -> None:
        self.voice, self._keep, self._settled = voice, keep, settled
        self._found: dict[str, Value] = _known(answers)
        self._asked: list[str] = []
        self._skipped: frozenset[str] = frozenset()
        self._offered = False

    @property
    def answers(self) -> Answers:
        return answers_of(self._found)

    def left(self) -> list[Question]:
        """What is still to be asked, as things stand."""
        known, gone = self.answers, self._skipped.union(self._found, self._asked)
        return [one for one in QUESTIONS if one.key not in gone and not one.pointless(known)]

    def run(self) -> End:
        """Until nothing is left, or the other side stops."""
        group = ""
        if self.left():
            self.voice.say(HOW, "dim")
        while left := self.left():
            if self._asked and not self._offered and (verdict := self._verdict(left)) is not None:
                if not self._offer(verdict, left):
                    return "stopped"
                continue
            question = left[0]
            if question.group != group:
                group = question.group
                self.voice.say(f"\n{group}, {minutes(left)} min left", "bold")
            try:
                self._ask(question, len(left))
            except EOFError:
                return "stopped"
        return "done"

    def _ask(self, question: Question, left: int) -> None:
        """One question, until it is answered or left; going back is to leave it. Raises EOFError to stop."""
        place = len(self._asked) + 1
        self.voice.say(f"{place}/{place + left - 1} {said(question)}", "")
        while True:
            text = self.voice.hear().strip()
            match text.lower():
                case "?" | "help":
                    self.voice.say(explained(question), "dim")
                case "b" | "back":
                    return self._back()
                case "q" | "quit" | "exit":
                    raise EOFError
                case _:
                    try:
                        return self._take(question, understood(question, text))
                    except Wrong as wrong:
                        self.voice.say(f"{clean(str(wrong))} (? explains)", "")

    def _take(self, question: Question, answer: Value | None) -> None:
        if answer is not None:
            self._found[question.key] = answer
        self._asked.append(question.key)
        self._keep(question.key, answer)

    def _back(self) -> None:
        """The last question is open again, its answer forgotten, and with it that the verdict was settled."""
        if not self._asked:
            self.voice.say("This is the first question.", "dim")
            return
        key = self._asked.pop()
        self._found.pop(key, None)
        self._skipped, self._offered = frozenset(), False
        self._keep(key, None)

    def _verdict(self, left: Sequence[Question]) -> Verdict | None:
        return self._settled(self.answers, [question.key for question in left])

    def _offer(self, verdict: Verdict, left: Sequence[Question]) -> bool:
        """Whether to go on, with what, once the verdict is settled: asked once."""
        priced = [question for question in left if question.key in PRICED]
        rest = f"{len(priced)} of the questions set the costs" if priced else "the rest is for completeness"
        self.voice.say(f"\nNothing left to ask can change the verdict: {TITLES[verdict]}. {rest.capitalize()}.", "bold")
        self._offered = True
        while True:
            self.voice.say(f"Enter: {'go on with these' if priced else 'stop here'}.  {OFFERED}", "dim")
            try:
                text = self.voice.hear().strip().lower()
            except EOFError:
                return False
            match text:
                case "a" | "all":
                    return True
                case "b" | "back":
                    self._back()
                    return True
                case "q" | "quit" | "exit":
                    return False
                case "" | "y" | "yes":
                    self._skipped = frozenset(question.key for question in left if question.key not in PRICED)
                    return bool(priced)
                case _:
                    pass


def minutes(questions: Sequence[Question]) -> int:
    """How long these may take, rounded up."""
    words = sum(len(said(question).split()) for question in questions)
    return ceil((words / WORDS_A_MINUTE * 60 + ANSWER_S * len(questions)) / 60)


def said(question: Question) -> str:
    """A question with what an answer looks like."""
    match question.kind:
        case "yes":
            looks = "y/n"
        case "choice" | "several":
            looks = "/".join(question.values)
        case "name" | "number":
            looks = f"as {question.example}"
    return f"{question.ask} ({looks})"


def explained(question: Question) -> str:
    """What stands behind a `?`."""
    lines = [question.help]
    if question.kind == "several":
        lines += [f"  {choice.value}: {choice.means}" for choice in question.choices]
    if question.kind == "number":
        lines.append(f"A number alone: {hint(question)}. {question.low:_.16g} to {question.high:_.16g}.")
    return "\n".join([*lines, "Enter if you don't know."])


def understood(question: Question, text: str) -> Value | None:
    """What is typed may be shorter than in a file: the beginning of a choice. Raises Wrong."""
    word = text.lower()
    if question.kind == "choice" and word not in UNKNOWN:
        begun = [value for value in question.values if value.startswith(word)]
        if len(begun) == 1:
            return begun[0]
    return parsed(question, text)


def _known(answers: Answers) -> dict[str, Value]:
    default = Answers()
    found = ((key, answers.value(key)) for key in BY_KEY)
    return {key: value for key, value in found if value is not None and value != getattr(default, key)}
