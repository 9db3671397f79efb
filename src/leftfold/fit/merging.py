"""One questionnaire out of three: what flags say comes before what was measured, and that before the file."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.advice import Measured
from leftfold.fit.answers import Answers, Value
from leftfold.fit.reading import Questionnaire, answers_of


class Merged(Struct, frozen=True):
    """`measured` holds only the answers that count: those that no flag overrides."""

    answers: Answers
    assume: dict[str, float]
    measured: Measured | None


def merged(file: Questionnaire | None, measured: Measured | None, flags: Questionnaire) -> Merged:
    """A flag counts even where it says unknown; a file's unknown leaves the measured answer alone."""
    counts = None
    found: dict[str, Value] = _known(file.answers) if file else {}
    if measured is not None:
        counts = replace(measured, answers={k: v for k, v in measured.answers.items() if k not in flags.places})
        found |= counts.answers
        if measured.name:
            found.setdefault("context", measured.name)
    said = _known(flags.answers)
    found = {key: value for key, value in found.items() if key not in flags.places} | said
    assume = (file.assume if file else {}) | flags.assume
    return Merged(answers_of(found), assume, counts)


def _known(answers: Answers) -> dict[str, Value]:
    """The answers that differ from what is taken where nothing is said."""
    default = Answers()
    found = ((key, answers.value(key)) for key in answers.__struct_fields__)
    return {key: value for key, value in found if value is not None and value != default.value(key)}
