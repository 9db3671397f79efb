"""Answers as hypothesis draws them: any that the questions allow."""

from typing import Any

from hypothesis import strategies as st

from leftfold.fit.answers import Answers
from leftfold.fit.questions import QUESTIONS, Question
from leftfold.fit.reading import MAX_NAME, UNKNOWN, answers_of

NAMES = st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda text: text.isprintable() and text == text.strip() and text.lower() not in UNKNOWN
)


def value(question: Question) -> st.SearchStrategy[Any]:
    match question.kind:
        case "name":
            return NAMES
        case "yes":
            return st.booleans()
        case "choice":
            return st.sampled_from(question.values)
        case "several":
            return st.lists(st.sampled_from(question.values), unique=True).map(tuple)
        case "number" if question.whole:
            return st.integers(int(question.low), int(question.high)).map(float)
        case "number":
            return st.floats(question.low, question.high).map(abs)


ANSWERS: st.SearchStrategy[Answers] = st.fixed_dictionaries(
    {}, optional={question.key: value(question) for question in QUESTIONS}
).map(answers_of)
