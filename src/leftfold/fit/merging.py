"""One questionnaire out of three: what flags say comes before what was measured, and that before the file."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.advice import Measured
from leftfold.fit.answers import Answers, Value
from leftfold.fit.reading import Questionnaire, answers_of
from leftfold.fit.writing import value_text


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
        taken = {key: value for key, value in measured.answers.items() if key not in flags.places}
        counts = replace(measured, answers=taken, notes=(*measured.notes, *_differing(found, taken)))
        found |= taken
        if measured.name:
            found.setdefault("context", measured.name)
    said = _known(flags.answers)
    found = {key: value for key, value in found.items() if key not in flags.places} | said
    assume = (file.assume if file else {}) | flags.assume
    return Merged(answers_of(found), assume, counts)


def _differing(file: dict[str, Value], measured: dict[str, Value]) -> list[str]:
    """Where the file says something else: a trial's streams, say, and those that are expected."""
    return [
        f"{key} is measured, {value_text(value)}: the file says {value_text(file[key])}; a flag goes before both."
        for key, value in measured.items()
        if file.get(key, value) != value
    ]


def _known(answers: Answers) -> dict[str, Value]:
    """The answers that differ from what is taken where nothing is said."""
    default = Answers()
    found = ((key, answers.value(key)) for key in answers.__struct_fields__)
    return {key: value for key, value in found if value is not None and value != default.value(key)}
