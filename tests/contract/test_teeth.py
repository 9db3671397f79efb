"""The contract suites have teeth: a store with a planted bug fails at least one of their tests."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.contract import broken_stores
from tests.shape import ROOT
from tests.simulate import bugs

HEALTHY = "MemoryStore"  # the control: it must fail nothing
UNSEEN = bugs.TheCheckpointBeforeRows  # shows only when somebody dies in between, which no contract does: simulate does
PARTS = [bug for bug in bugs.STORES if issubclass(bug, (bugs.RowsPart, bugs.CheckpointsPart)) and bug is not UNSEEN]

SUITES = """
import pytest
from leftfold.testing import contracts
from tests.contract import broken_stores
from tests.simulate import bugs

def shared(make):
    made = {}
    return lambda tenant="": made[tenant] if tenant in made else made.setdefault(tenant, make())
"""

STORE = """
class Test{name}(contracts.StoreContract):
    @pytest.fixture
    def make_backend(self, clock):
        return shared(lambda: broken_stores.backend_of(broken_stores.{name}()))

class TestToo{name}(contracts.SnapshotsContract):
    make_backend = Test{name}.make_backend

class TestAlso{name}(contracts.LogContract):
    make_backend = Test{name}.make_backend
"""

PART = """
class Test{name}(contracts.RowsContract):
    @pytest.fixture
    def make_backend(self, clock):
        return shared(lambda: bugs.store_with(bugs.{name})(clock, lambda: None))

class TestAlso{name}(contracts.CheckpointsContract):
    make_backend = Test{name}.make_backend
"""


def test_every_planted_bug_fails_a_contract(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    names = [bug.__name__ for bug in broken_stores.BUGS]
    parts = [bug.__name__ for bug in PARTS]
    text = (
        SUITES
        + "".join(STORE.format(name=one) for one in [HEALTHY, *names])
        + "".join(PART.format(name=one) for one in parts)
    )
    (tmp_path / "test_broken.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command += ["--import-mode=importlib", f"--rootdir={tmp_path}", "-rfE", str(tmp_path / "test_broken.py")]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    failed = set(re.findall(r"^FAILED .*::Test(?:Also|Too)?(\w+)::", done.stdout, re.MULTILINE))
    missed = [name for name in names + parts if name not in failed]
    record_property("figure", f"contract teeth: {len(names + parts) - len(missed)} of {len(names + parts)} caught")
    assert HEALTHY not in failed, done.stdout[-3000:]
    assert not missed, done.stdout[-3000:] + done.stderr[-2000:]
