"""The example's fleet is what comes in, in numbers."""

import sys

from tests.examples.conftest import ROOT

sys.path.append(str(ROOT / "examples" / "sensors"))
