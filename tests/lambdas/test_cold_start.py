"""A cold start pays for what its handler is made of and no more: modules are counted, since machines differ.

What it costs in time is measured by `make bench`, in the rows n; the app is the same, with 100 event types.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold import lambdas
from tests.bench import cold
from tests.bench.lambdas import HANDLERS, program
from tests.shape.test_import_cost import HEAVY

NOT_HERE = (HEAVY - {"concurrent.futures"}) | {"difflib", "pytest"}
ADAPTERS = "leftfold.adapters."
MODULES = 130  # beside msgspec's: ours, and what they pull from the standard library
STORE = 40  # the sequencer is of one store alone: its adapter comes with it

FIRST_CALL = """
from leftfold.adapters.memory import Memory
handler = commands(app, store=Memory().open(""), write=lambda line: None)
said = handler({"category": "wide", "key": "a", "command": "Do", "data": {"amount": 7}}, None)
assert said["events"] == [{"type": "Happened0", "data": {"amount": 7, "name": ""}}], said
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cold")
    cold.write_domain(made)
    return made


def modules_after(folder: Path, text: str) -> set[str]:
    code = f"{text}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return set(run.stdout.split())


def test_every_handler_of_the_table_exists() -> None:
    assert sorted(HANDLERS) == sorted(lambdas.__all__)
    for name in lambdas.__all__:
        assert callable(getattr(lambdas, name)), name


def test_a_name_that_is_no_handler_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'command'"):
        lambdas.command  # noqa: B018


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_loads_nothing_heavy_and_no_store(
    name: str, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    found = modules_after(folder, program(name))
    assert found & NOT_HERE == set()
    own = found - modules_after(folder, "import msgspec")
    record_property("figure", f"{name}: {len(own)} modules beside msgspec's before the first call")
    assert len(own) <= MODULES + (STORE if name == "sequencer" else 0), sorted(own)
    stores = {module.split(".")[2] for module in found if module.startswith(ADAPTERS)}
    assert stores == ({"dynamodb", "boto"} if name == "sequencer" else set())


def test_the_first_call_loads_its_own_store_and_no_other(folder: Path) -> None:
    before = modules_after(folder, program("commands"))
    after = modules_after(folder, program("commands") + FIRST_CALL)
    assert after & NOT_HERE == set()
    assert {module.split(".")[2] for module in after - before if module.startswith(ADAPTERS)} == {"memory"}


def test_a_handler_that_is_heavy_is_caught(folder: Path) -> None:
    assert modules_after(folder, "import boto3") & NOT_HERE >= {"boto3", "botocore"}
