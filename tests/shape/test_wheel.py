"""What is installed is what is here: an editable install would hide a file that the wheel forgets."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.shape import PACKAGE, ROOT, SRC

NOT_SHIPPED = {".pyc"}


def shipped(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="there is nothing to build yet")
def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    here = {
        str(path.relative_to(SRC)) for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in NOT_SHIPPED
    }
    assert shipped(wheel) == here
    assert "leftfold/py.typed" in here
