"""The worked examples of examples/fit, advised at the built-in prices."""

from pathlib import Path
from typing import Final

from leftfold.fit.advice import Advice
from leftfold.fit.advising import advise
from leftfold.fit.costs.prices import built_in
from leftfold.fit.reading import read

EXAMPLES: Final = sorted((Path(__file__).parents[2] / "examples" / "fit").glob("*.yaml"))


def example(path: Path) -> Advice:
    file = read(path.read_bytes(), path.name)
    return advise(file.answers, built_in(), file.assume)


ADVISED: Final = {path.stem: example(path) for path in EXAMPLES}
