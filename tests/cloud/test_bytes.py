"""The same app and settings give the same bytes: in this process, in another one, under another hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from leftfold.cloud.synthesis import Extra, synth
from tests.cloud.apps import everything, variant

ALL: Final[tuple[Extra, ...]] = ("terraform", "cdk", "diagram")
ROOT: Final = Path(__file__).parents[2]


def digest() -> str:
    files = synth(everything, variant(everything, "one tenant"), extras=ALL).files
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def elsewhere(hash_seed: str) -> str:
    code = "from tests.cloud.test_bytes import digest; print(digest())"
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_twice_is_the_same() -> None:
    assert digest() == digest()


def test_other_processes_write_the_same() -> None:
    assert {elsewhere("1"), elsewhere("4711")} == {digest()}


def test_every_file_ends_with_a_newline_and_templates_have_sorted_keys() -> None:
    import json

    for name, text in synth(everything, extras=ALL).files.items():
        assert text.endswith("\n"), name
        if name.endswith(".json"):
            assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_order_in_which_an_app_declares_things_is_no_matter() -> None:
    from leftfold import App

    parts = [view for view in everything.views if view.name == "sums"]
    first = App("views", deciders=everything.deciders, views=parts)
    second = App("views", deciders=everything.deciders, views=parts[::-1])
    assert synth(first).files == synth(second).files
