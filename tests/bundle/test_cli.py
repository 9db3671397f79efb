"""`leftfold bundle` on the command line: a table for people, JSON for programs, refusals by exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from leftfold.cloud.bundle.target import BUDGET_BYTES, UNPACKED_BYTES, UPLOAD_BYTES
from tests.bundle import apps

TARGET = ("--python", apps.HERE.python, "--arch", apps.HERE.arch)


def leftfold(folder: Path, *args: str) -> tuple[int, str, str]:
    code = "from leftfold.cli.main import main; main()"
    run = subprocess.run([sys.executable, "-c", code, "bundle", *args], cwd=folder, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def test_the_table_shows_each_part_and_the_limits(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    code, out, err = leftfold(folder, "wide:app", *TARGET)
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == f"wide.zip, {apps.HERE.runtime} on {apps.HERE.arch}"
    assert [line.split()[0] for line in rest] == [
        "part",
        "leftfold",
        "msgspec",
        "app",
        "together",
        "Lambda's",
        "sha256",
    ]
    assert rest[-1].split()[1] == sha256((folder / "wide.zip").read_bytes()).hexdigest()


def test_json_tells_the_same_and_the_settings_file_names_the_target(tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "prod.toml").write_text(f'python = "{apps.HERE.python}"\narchitecture = "{apps.HERE.arch}"\n')
    code, out, _ = leftfold(folder, "wide:app", "--config", "prod.toml", "--out", "a.zip", "--json")
    told, content = json.loads(out), (folder / "a.zip").read_bytes()
    assert code == 0
    assert (told["file"], told["zip_bytes"], told["sha256"]) == ("a.zip", len(content), sha256(content).hexdigest())
    assert (told["runtime"], told["architecture"], told["bytecode"]) == (apps.HERE.runtime, apps.HERE.arch, "unchecked")
    assert told["unpacked_bytes"] == sum(part["unpacked_bytes"] for part in told["parts"])
    limits = {"zip_bytes": UPLOAD_BYTES, "unpacked_bytes": UNPACKED_BYTES, "our_bytes": BUDGET_BYTES}
    assert told["limits"] == limits
    assert told["warnings"] == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("wide:app", "--out", "no/such/folder.zip"), 3, "--out no/such/folder.zip: No such file or directory"),
        (("wide:app", "--config", "none.toml"), 3, "--config none.toml"),
        (("wide:app", "--adapter", "oracle"), 3, "there is no adapter 'oracle'"),
        (("nowhere:app",), 3, "there is no module 'nowhere'"),
        (("wide:app", "--python", "2.7"), 2, "'2.7' is not one of"),
    ],
    ids=["place", "settings", "adapter", "module", "python"],
)
def test_what_is_wrong_is_said(args: tuple[str, ...], code: int, said: str, app_folder: Path) -> None:
    found, out, err = leftfold(app_folder, *args, *(() if "--python" in args else TARGET))
    assert (found, out) == (code, "")
    assert said in " ".join(err.split())


def test_without_bytecode_its_cost_is_said(tmp_path: Path) -> None:
    code, out, _ = leftfold(apps.wide(tmp_path), "wide:app", "--bytecode", "none", *TARGET)
    assert code == 0
    assert "careful: no bytecode (as asked). Each cold start compiles what it imports of" in out
