"""The README and every page of docs/ do what they say: their blocks are executed in order, in a fresh folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Malformed, blocks_of, shows
from tests.testbed.aws import Aws

ROOT = Path(__file__).parents[2]
DOCUMENTS = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()]
DOCUMENT_S = 300
MAKES_TABLES = '?create=true"'  # in a page that is played on DynamoDB


def play(document: Path, folder: Path) -> str:
    """What the player says of the document when played in `folder`: nothing, if all went as written."""
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "LEFTFOLD_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    player = [sys.executable, "-P", "-m", "tests.docs.run", str(document)]
    done = subprocess.run(
        player, cwd=home, env=environment, capture_output=True, text=True, timeout=DOCUMENT_S, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_does_what_it_says(document: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if MAKES_TABLES in document.read_text():
        aws: Aws = request.getfixturevalue("aws")  # leads every client that is made from here on to the stand-in
        if aws.place.is_account:
            pytest.skip("its tables have plain names, and would stay in the account")
    fault = play(document, tmp_path)
    assert not fault, f"\n{fault}"


GOOD = """
Facts first, then what is done with them.

```python title="shop/account.py"
limit = 5
```

```python
from shop import account

assert account.limit == 5
```

1. Change it:

   ```python title="shop/account.py"
   limit = 6
   ```

```python
from shop import account as changed

assert (account.limit, changed.limit) == (5, 6), "names live on, files are read again"

class Here:
    it: "Here"

import typing
assert typing.get_type_hints(Here)["it"] is Here
```

```console
$ cat shop/account.py
limit = 6
$ echo one; echo two 7 ms; echo three; echo four
one
two ... ms
...
four
$ echo a \\
>   b
a b
$ cd shop
```

```console
$ ls -a
.
..
account.py
```

```toml title="pyproject.toml"
```

```python
from pathlib import Path

assert Path("pyproject.toml").exists() and Path.cwd().name == "shop"
```

```python no-run: this one would ruin you
assert False
```

```text
$ false
```
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def test_a_good_document_passes(tmp_path: Path) -> None:
    assert play(written(tmp_path, GOOD), tmp_path / "there") == ""


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("# T\n\n```python\nx = 1\nassert x == 2\n```", 5, "AssertionError"),
        ("```python\nx = 1\n```\n\n```python\ndef f():\n    return y\n\nf()\n```", 7, "NameError"),
        ("```python\nx = (\n```", 2, "SyntaxError"),
        ("```python\nimport sys\nsys.exit()\n```", 3, "SystemExit"),
        ('```python title="a.py"\nx = nowhere\n```\n\n```python\nimport a\n```', 6, "NameError"),
        ('```python title="../a.py"\n```', 2, "outside"),
        ("```console\n$ echo out; exit 3\n```", 2, "exits with 3\nout"),
        ("```console\n$ true\n$ false\n```", 3, "exits with 1"),
        ("```console\n$ leftfold-nowhere\n```", 2, "exits with 127"),
        ("```console\n$ echo one\ntwo\n```", 2, "--- printed\none"),
        ("```console\n$ echo one; echo two\none\n```", 2, "--- shown\none"),
        ("```console\n$ true\none\n```", 2, "--- shown\none"),
        ("```console\none\n```", 2, "before the first"),
        ("```python no-run:\n```", 1, "says why"),
        ("```python no-run\n```", 1, "says why"),
        ("```py\nassert False\n```", 1, "say 'python'"),
        ("```sh\nfalse\n```", 1, "say 'console'"),
        ("text\n```python\nx = 1\n", 2, "never closed"),
    ],
)
def test_a_document_that_promises_too_much_is_caught(tmp_path: Path, text: str, line: int, fault: str) -> None:
    page = written(tmp_path, text)
    report = play(page, tmp_path / "there")
    assert f"{page}:{line}: " in report
    assert fault in report


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert [block.kind for block in blocks_of("````markdown\n```python\nassert False\n```\n````")] == ["show"]


def test_an_unclosed_fence_is_told_with_its_line() -> None:
    with pytest.raises(Malformed, match=r"^3: "):
        blocks_of("\n\n```python\n")


def test_dots_stand_for_lines_or_for_a_part_of_one() -> None:
    assert shows(["a", "...", "d"], "a\nb\nc\nd\n")
    assert shows(["a", "...", "d"], "a\nd\n")
    assert shows(["took ... ms"], "took 3.5 ms\n")
    assert shows([], "anything")
    assert not shows(["a", "...", "d"], "a\nb\n")
    assert not shows(["took ... ms"], "took 3 s\n")
    assert not shows(["a"], "a\nb")
    assert not shows(["a+"], "aa")


def test_a_column_is_as_wide_as_what_dots_stand_for() -> None:
    table = ["view   moved", "a    ... ago"]
    assert shows(table, "view    moved\na     9 s ago\n")
    assert shows(table, "view     moved\na     11 s ago\n")
    assert not shows(table, "view moved\na     11 s ago\n")
    assert not shows(["a b"], "a  b\n")
