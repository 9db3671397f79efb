"""The shape of the source: what may import what, how long a thing may be, what the public sees, what an import costs.

Each checker is a function over source text, so that a planted violation can be shown to be caught.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "leftfold"


def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name, `leftfold` first."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found
