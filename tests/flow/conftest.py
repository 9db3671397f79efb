"""The bank of the examples is the bank of these tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "examples" / "bank"))
