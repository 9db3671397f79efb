"""Files that are written: whole or not at all, and never in the place of what is no file of answers or reports."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from leftfold.cli.files import read_some, write_new, write_whole
from leftfold.cli.main import main
from leftfold.fit.yamlplaces import MAX_FILE_BYTES
from tests.cli.desk import Desk

BEFORE = "# mine\ncontext: orders\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk(tmp_path, monkeypatch)
    (tmp_path / "orders.yaml").write_text(BEFORE)
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"bank.py", "account.py"}


def stopped_half_way(path: Path, text: str, *_: Any, **__: Any) -> NoReturn:
    """Ctrl-C between two blocks of a file."""
    path.write_bytes(text.encode()[: len(text) // 2])
    raise KeyboardInterrupt


def test_ctrl_c_in_the_middle_of_writing_leaves_the_file_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", stopped_half_way)
    for args in (("orders.yaml", "--ask"), ("orders.yaml", "--out", "report.md"), ("init", "new.yaml")):
        result = CliRunner().invoke(main, ["fit", *args], input="no\nq\n")
        assert result.exit_code == 130
        assert (desk.folder / "orders.yaml").read_bytes() == BEFORE.encode()
        assert names(desk.folder) == {"orders.yaml"}


@pytest.mark.parametrize(
    ("args", "code"),
    [(("orders.yaml", "--ask"), 3), (("orders.yaml", "--out", "report.html"), 3), (("init", "new.yaml"), 3)],
)
def test_a_full_disk_leaves_the_file_before(desk: Desk, args: tuple[str, ...], code: int) -> None:
    """As full as a limit of 100 bytes a file."""
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    run = subprocess.run(
        [sys.executable, "-B", "-c", f"{full}; from leftfold.cli.main import main; main()", "fit", *args],
        input="n\n" * 9,
        capture_output=True,
        text=True,
        cwd=desk.folder,
    )
    assert run.returncode == code
    assert "File too large" in run.stderr
    assert "Traceback" not in run.stderr
    assert (desk.folder / "orders.yaml").read_text().startswith(BEFORE)
    assert names(desk.folder) == {"orders.yaml"}


def test_a_report_takes_the_place_of_no_file_that_is_read(desk: Desk) -> None:
    (desk.folder / "answers.json").write_text('{"crud_verbs": false}')
    (desk.folder / "link.json").symlink_to("answers.json")
    for out in ("answers.json", "./answers.json", "link.json"):
        assert "is a file that is read" in desk.error("fit", "answers.json", "--out", out, code=2)
        assert "is a file that is read" in desk.error("fit", "orders.yaml", "--prices", out, "--out", out, code=2)
    assert (desk.folder / "answers.json").read_text() == '{"crud_verbs": false}'


def test_answers_are_kept_in_no_pipe_and_no_device(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe.yaml")
    for name in ("pipe.yaml", "."):
        result = desk.run("fit", name, "--ask")
        assert result.exit_code == 3
        assert f"{name} is no file that answers can be kept in" in result.stderr
    assert stat.S_ISFIFO((desk.folder / "pipe.yaml").stat().st_mode)


def test_a_pipe_can_be_read(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe.yaml")
    writer = subprocess.Popen([sys.executable, "-c", "open('pipe.yaml', 'w').write('crud_verbs: yes')"])
    assert desk.json("fit", "pipe.yaml")["answers"]["crud_verbs"] is True
    assert writer.wait() == 0


def test_of_an_endless_file_no_more_is_read_than_is_taken(tmp_path: Path, desk: Desk) -> None:
    assert len(read_some(Path("/dev/zero"))) == MAX_FILE_BYTES + 1
    for args in (("/dev/zero",), ("orders.yaml", "--prices", "/dev/zero")):
        assert "/dev/zero:1: the file has over 262,144 bytes" in desk.error("fit", *args, code=3)


def test_a_link_stays_one_and_a_files_rights_stay(tmp_path: Path) -> None:
    there, link = tmp_path / "there.yaml", tmp_path / "link.yaml"
    there.write_text("old")
    there.chmod(0o640)
    link.symlink_to(there)
    write_whole(link, "new\r\n")
    assert link.is_symlink()
    assert there.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(there.stat().st_mode) == 0o640


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "report.md"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_whole(link, "x")
    assert stat.S_ISCHR(link.stat().st_mode)


def test_a_new_file_takes_no_place(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "here").write_text("old")
    for name in ("dangling", "circle", "here"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, "new")
    assert (tmp_path / "here").read_text() == "old"


def test_a_name_that_no_file_can_have_is_told(desk: Desk) -> None:
    name = "a" * 5000
    for args in ((name,), (name, "--ask"), ("init", name), ("orders.yaml", "--out", f"{name}.md")):
        assert "File name too long" in desk.run("fit", *args).stderr
    (desk.folder / "circle.yaml").symlink_to("circle.yaml")
    for args in (("circle.yaml",), ("circle.yaml", "--ask")):
        assert "circle.yaml: Too many levels of symbolic links" in desk.run("fit", *args).stderr
