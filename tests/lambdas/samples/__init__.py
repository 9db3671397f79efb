"""Complete events of every trigger, in the shapes that AWS documents; the ids are invented."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def sample(name: str) -> Any:
    """A fresh copy of one event, as Lambda's runtime decodes it."""
    return json.loads((FOLDER / f"{name}.json").read_text())
