"""A bundle made here for another of Lambda's Pythons answers in AWS's runtime on that Python, where there is one.

It needs the interpreter, which no registry of packages has but for Debian's own, and wheels from the index: so it is one of
the long tests, and says what it skips.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold.cloud.bundle import Target
from leftfold.cloud.bundle.bytecode import find_interpreter
from leftfold.cloud.bundle.target import RUNTIMES
from leftfold.cloud.settings import DEFAULTS
from tests.bundle import apps
from tests.shape import SRC

CALL = """
import json, sys
from leftfold.testing.runtime import LambdaRuntime
env = {"LEFTFOLD_STORE": "memory:", "PYTHONPATH": sys.argv[1], "PYTHONDONTWRITEBYTECODE": "1"}
with LambdaRuntime("leftfold_commands.handler", path=sys.argv[1], env=env, timeout_s=60) as function:
    print(json.dumps([sys.version.split()[0], function.invoke(json.loads(sys.argv[2]))["events"]]))
"""


def interpreter(target: Target) -> str:
    """Of the PATH, or one that pyenv keeps."""
    kept = sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{target.python}.*/bin/python")
    )
    for named in (*map(str, kept), None):
        if named is None or shutil.which(named):
            found = find_interpreter(target, named)
            if found is not None:
                return found
    pytest.skip(f"there is no Python {target.python} here")


@pytest.mark.soak
@pytest.mark.parametrize("python", sorted(set(RUNTIMES) - {apps.HERE.python}))
def test_a_bundle_for_another_python_answers_there(
    python: str, app_folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    target = Target(python, apps.HERE.arch)
    found = interpreter(target)
    bundle = apps.bundled(app_folder, graph=apps.graph_for(python), interpreter=found, adapters=["memory"])
    assert (bundle.bytecode, bundle.warnings) == ("unchecked", ())
    task = apps.unpacked(bundle, tmp_path / "task")
    venv = tmp_path / "venv"
    subprocess.run([found, "-m", "venv", venv], check=True, capture_output=True)
    wheels = ["--quiet", "--only-binary", ":all:", "awslambdaric", "msgspec"]
    subprocess.run([venv / "bin" / "pip", "install", *wheels], check=True, capture_output=True)
    run = subprocess.run(
        [venv / "bin" / "python", "-c", CALL, str(task), json.dumps(apps.COMMAND)],
        env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    version, events = json.loads(run.stdout)
    assert version.startswith(f"{python}.")
    assert events == apps.ANSWER
    of_default = ", the Python of a template whose settings name no other" if python == DEFAULTS.python else ""
    record_property("figure", f"a bundle made on {apps.HERE.runtime} answers on Python {version}{of_default}")
