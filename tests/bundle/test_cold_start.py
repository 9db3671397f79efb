"""A function of a bundle starts in AWS's own runtime without compiling anything; what else would cost is measured beside it.

The four forms are the same files: as they are built, with each hash compared, as a zip of ordinary .pyc files arrives (their
sources' times are gone, so that each is stale), and without bytecode. /var/task can't be written: nothing is kept.
"""

from __future__ import annotations

import compileall
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from leftfold.cloud.bundle import Bundle
from leftfold.cloud.synthesis import graph_of, templates
from leftfold.testing.runtime import LambdaRuntime
from tests.bundle import apps
from tests.bundle.apps import app_of
from tests.shape import ROOT

ROUNDS = 3  # interleaved, so that a busy moment meets all forms
SOURCES = 100  # at the least, of those that the commands handler of this app loads

HOOK = """\
import os
from importlib import _bootstrap_external as loading

compile_source = loading.SourceLoader.source_to_code


def told(self, data, path, *args, **options):
    with open(os.environ["COMPILED"], "a") as file:
        file.write(f"{path}\\n")
    return compile_source(self, data, path, *args, **options)


loading.SourceLoader.source_to_code = told
"""


@pytest.fixture(scope="module")
def forms(app_folder: Path, bundle: Bundle, task: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The unpacked folders by what their bytecode is, each aged as by a zip."""
    folder = tmp_path_factory.mktemp("forms")
    checked = apps.bundled(app_folder, adapters=["memory"], bytecode="checked")
    none = apps.bundled(app_folder, adapters=["memory"], bytecode="none")
    found = {"unchecked": task, "checked": apps.unpacked(checked, folder / "checked")}
    found |= {"stale": apps.unpacked(none, folder / "stale"), "none": apps.unpacked(none, folder / "none")}
    for path in found["stale"].rglob("*.py"):
        path.touch()
    assert compileall.compile_dir(found["stale"], quiet=1)
    apps.age(found["stale"])
    bare = folder / "bare"
    bare.mkdir()
    (bare / "leftfold_commands.py").write_text("def handler(event, context): return None\n")
    return found | {"bare": bare}


def cold_call(task: Path, scratch: Path) -> tuple[object, list[str], float]:
    """The answer of a fresh process, which sources of the task it compiled, and the CPU that it took, in ms."""
    hook, log = scratch / "hook", scratch / "compiled"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    log.write_text("")
    env = {
        "LEFTFOLD_STORE": "memory:",
        "PYTHONPATH": f"{hook}:{task}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COMPILED": str(log),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with LambdaRuntime("leftfold_commands.handler", path=task, env=env, timeout_s=60) as function:
        answer = function.invoke(apps.COMMAND)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer, [line for line in log.read_text().splitlines() if Path(line).is_relative_to(task)], cpu_s * 1000


def test_a_function_of_the_bundle_answers_in_awss_runtime(task: Path, tmp_path: Path) -> None:
    answer, _, _ = cold_call(task, tmp_path)
    assert isinstance(answer, dict)
    assert answer["events"] == apps.ANSWER


@pytest.mark.parametrize("form", ["unchecked", "checked"])
def test_nothing_of_a_built_bundle_is_compiled_at_a_cold_start(
    form: str, forms: dict[str, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _, compiled, _ = cold_call(forms[form], tmp_path)
    record_property("figure", f"sources compiled at a cold start with {form} bytecode: {len(compiled)}")
    assert compiled == []


@pytest.mark.parametrize("form", ["stale", "none"])
def test_every_source_is_compiled_where_bytecode_is_stale_or_missing(
    form: str, forms: dict[str, Path], tmp_path: Path
) -> None:
    _, compiled, _ = cold_call(forms[form], tmp_path)
    assert len(compiled) == len(set(compiled)) >= SOURCES


def test_what_a_cold_start_costs_is_shown(
    forms: dict[str, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    taken: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(ROUNDS):
        for form, task in forms.items():
            taken[form].append(cold_call(task, tmp_path)[2])
    cpu = {form: median(times) - median(taken["bare"]) for form, times in taken.items()}
    told = ", ".join(
        f"{form} {cpu[form]:.0f} ms ({cpu[form] / cpu['unchecked']:.1f} x)" for form in forms if form != "bare"
    )
    record_property("figure", f"cold start of commands, 100 event types, CPU above AWS's bare runtime: {told}")
    assert len(taken["unchecked"]) == ROUNDS


def test_the_python_of_the_template_is_the_one_that_ran(bundle: Bundle) -> None:
    """The settings name this interpreter: of Lambda's Pythons it is the one that is surely here."""
    app = app_of(ROOT / "examples" / "bank", "bank", "bank")
    drawn = templates(graph_of(app, apps.graph_for().settings), app)["stateless"]
    functions = [one for one in drawn["Resources"].values() if one["Type"] == "AWS::Lambda::Function"]
    assert {one["Properties"]["Runtime"]["Ref"] for one in functions} == {"Runtime"}
    assert drawn["Parameters"]["Runtime"]["Default"] == bundle.target.runtime
    assert bundle.target.runtime == f"python{sys.version_info.major}.{sys.version_info.minor}"
