"""Where the examples are, and the real bank's data."""

import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BANK: Final = ROOT / "examples" / "bank"
BERKA: Final = ROOT.parent / "shared" / "data" / "berka"

sys.path.append(str(BANK))  # as python does for a program that is run from there


@pytest.fixture(scope="session")
def berka_folder() -> Path:
    """The folder with the real data, which is not part of the repository."""
    if not (BERKA / "trans.asc.gz").is_file():
        pytest.skip("needs the Berka files in ../shared/data/berka, beside the repository")
    return BERKA
