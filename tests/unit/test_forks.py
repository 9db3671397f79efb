"""A store that was opened before a fork refuses the child, and goes on for the parent."""

import subprocess
import sys
from pathlib import Path

FORK = """
import os, sys
from pathlib import Path
from leftfold import ConfigError
from leftfold.adapters.sqlite import open_sqlite
backend = open_sqlite(Path(sys.argv[1]))
if os.fork() == 0:
    refused = 0
    for use in (backend.log.end, backend.log.page, lambda: backend.checkpoints.acquire("view", "child", 1)):
        try:
            use()
        except ConfigError as error:
            refused += "open it in each process" in str(error)
    backend.close()  # which must not let go of what is the parent's
    os._exit(refused)
_, status = os.wait()
print(os.waitstatus_to_exitcode(status), backend.log.end(), backend.checkpoints.acquire("view", "parent", 1) is not None)
"""


def test_a_child_must_open_the_store_itself(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FORK, tmp_path / "x.db"], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["3", "0", "True"]
