"""The same app gives the same zip, wherever and by whomever it is built, and the zip says nothing of where that was."""

from __future__ import annotations

import io
import marshal
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import pytest

from leftfold.cloud.bundle import Bundle
from leftfold.cloud.bundle.zipping import zipped
from tests.bundle import apps

BUILD = """
import sys
from pathlib import Path
from tests.bundle import apps
built = apps.bundled(Path(sys.argv[1]), adapters=["memory"])
Path(sys.argv[2]).write_bytes(built.content)
"""


def built_elsewhere(folder: Path, out: Path, umask: int, **env: str) -> bytes:
    """In a process and a folder of its own."""
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder), str(out)],
        env={**os.environ, "PYTHONPATH": str(root), **env},
        cwd=out.parent,
        check=True,
        umask=umask,
    )
    return out.read_bytes()


def codes(content: bytes) -> Iterator[CodeType]:
    """Every code object of a .pyc."""
    waiting = [marshal.loads(content[16:])]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]


def strangers(files: dict[str, bytes]) -> list[str]:
    """The .pyc files that name another place than the one where Lambda unpacks their source."""
    found: list[str] = []
    for name, content in files.items():
        if not name.endswith(".pyc"):
            continue
        folder, _, file = name.rpartition("/")
        source = "/".join(filter(None, [folder.removesuffix("__pycache__").rstrip("/"), file.split(".")[0] + ".py"]))
        if {code.co_filename for code in codes(content)} != {f"/var/task/{source}"}:
            found.append(name)
    return found


def test_two_builds_are_byte_identical(
    bundle: Bundle, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    other = apps.wide(tmp_path / "some where else" / "deeper")
    for path in other.iterdir():
        os.utime(path, (1, 1))
    elsewhere = built_elsewhere(
        other, tmp_path / "a.zip", 0o077, TZ="Pacific/Auckland", PYTHONHASHSEED="7", LC_ALL="C", HOME=str(tmp_path)
    )
    again = built_elsewhere(apps.wide(tmp_path / "b"), tmp_path / "b.zip", 0o002, TZ="UTC", PYTHONHASHSEED="1")
    assert elsewhere == again == bundle.content
    record_property("figure", f"three builds in three folders, umasks and time zones: {bundle.zip_bytes:,} equal bytes")


def test_no_file_of_a_bundle_says_where_it_was_built(bundle: Bundle, app_folder: Path) -> None:
    files = apps.contents(bundle)
    assert sum(name.endswith(".pyc") for name in files) > 100
    assert strangers(files) == []
    folders = (app_folder, Path(__file__).parents[2], Path.home(), Path(sys.prefix))
    here = [f"{folder}/" for folder in folders if folder != Path("/")]  # which a service's user may call home
    assert [name for name, content in files.items() for text in here if text.encode() in content] == []


def test_a_path_of_this_machine_is_caught(tmp_path: Path) -> None:
    code = compile("def f(): pass", str(tmp_path / "a.py"), "exec")
    assert strangers({"__pycache__/a.cpython-311.pyc": bytes(16) + marshal.dumps(code)})


def test_entries_are_sorted_dated_alike_and_readable_by_all(bundle: Bundle) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        entries = archive.infolist()
    assert [one.filename for one in entries] == sorted(one.filename for one in entries)
    assert {one.date_time for one in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {one.external_attr >> 16 for one in entries} == {0o100644}
    assert {one.create_system for one in entries} == {3}
    assert not [one.filename for one in entries if one.is_dir() or one.extra]


@pytest.mark.parametrize("order", [("a.py", "b.py"), ("b.py", "a.py")])
def test_the_order_in_which_files_were_found_is_no_matter(order: tuple[str, str]) -> None:
    content, taken = zipped({name: name.encode() for name in order})
    assert content == zipped({"a.py": b"a.py", "b.py": b"b.py"})[0]
    assert list(taken) == ["a.py", "b.py"]


def test_a_change_of_one_letter_is_another_bundle(bundle: Bundle, tmp_path: Path) -> None:
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text(apps.WIDE.replace('"wide"', '"wild"'))
    changed = apps.bundled(folder, adapters=["memory"])
    assert changed.sha256 != bundle.sha256
    differing = {name for name, content in apps.contents(changed).items() if apps.contents(bundle)[name] != content}
    assert differing == {"wide.py", "__pycache__/wide.cpython-311.pyc".replace("311", apps.HERE.tag[2:])}
