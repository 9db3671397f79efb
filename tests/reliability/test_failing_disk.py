"""S4: a disk that fails, fills up or falls short: the caller is told, nothing is acknowledged, the store goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leftfold import StoreUnavailable
from leftfold.category import Category
from tests.reliability import ledger, strace
from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import problems
from tests.reliability.ledger import Filed, Move, Note, Noted, Tally
from tests.reliability.strace import Starter, Traced

NAMES = ["one", "two", "three"]
COMMANDS = 12

KINDS = {
    "EIO on a write": "pwrite64:error=EIO:when=9..11",
    "ENOSPC on a write": "pwrite64:error=ENOSPC:when=7..14",
    "a short write": "pwrite64:retval=0:when=8..10",
    "a failed fsync": "fdatasync:error=EIO:when=3..4",
}
MORE_KINDS = {
    f"{error} on {call} {first}..{first + many}": f"{call}:{how}:when={first}..{first + many}"
    for call, many in (("pwrite64", 6), ("fdatasync", 2))
    for error, how in (
        ("EIO", "error=EIO"),
        ("ENOSPC", "error=ENOSPC"),
        ("EDQUOT", "error=EDQUOT"),
        ("EROFS", "error=EROFS"),
        ("EAGAIN", "error=EAGAIN"),
    )
    for first in ((4, 13) if call == "pwrite64" else (2, 5))
}


def run(
    zygote: Zygote, reports: Reports, folder: Path, inject: str, plant: str | None = None
) -> tuple[list[str], list[str], list[str]]:
    """Threads that ask until they are told, over a WAL that fails now and then: injected calls, errors, what is wrong."""
    path, starter = folder / "failing.db", Starter(folder / "go")
    with ledger.writing.open(f"sqlite:{path}"):
        pass  # made while the disk is well
    worker = zygote.start(
        "move_some",
        plant=plant,
        path=str(path),
        reports=reports.path,
        go=starter.path,
        names=NAMES,
        commands=COMMANDS,
        tries=1 if plant else 40,  # a cache that believes in lost commits loses every race: no need to wait for it
    )
    reports.until(lambda lines: "ready" in lines, worker)
    with Traced(worker, folder / "trace", inject=inject, only=[Path(f"{path}-wal")]) as traced:
        starter.go()
        lines = reports.while_running([worker])
    told = [line for line in lines if line.partition("-")[0] in NAMES]
    wrong = problems(path, told) + [line for line in lines if line.startswith("gave up")]
    if len(told) != len(NAMES) * COMMANDS:
        wrong.append(f"{len(told)} commands were acknowledged in the end")
    return traced.injected(), [line for line in lines if line.startswith("! ")], wrong


@pytest.mark.parametrize(
    "kind", [*KINDS, *(pytest.param(kind, marks=pytest.mark.soak) for kind in MORE_KINDS)], ids=lambda kind: kind
)
def test_a_disk_that_fails_for_a_while_costs_errors_but_no_promise(
    kind: str, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace.require()
    injected, errors, wrong = run(zygote, reports, tmp_path, (KINDS | MORE_KINDS)[kind])
    assert injected
    assert wrong == []
    assert errors
    # On a slow disk four threads may also lose ten races in a row for their common stream, which is no fault of the disk's.
    assert all(error.startswith(("! StoreUnavailable", "! Contention")) for error in errors), errors
    assert any(error.startswith("! StoreUnavailable") for error in errors), errors
    assert all("again" in error for error in errors), errors  # the next step
    record_property("figure", f"S4: {kind}: {len(injected)} injected, {len(errors)} callers told, all commands once")


def test_planted_swallowed_errors_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    strace.require()
    caught = 0
    for i, inject in enumerate(KINDS.values()):
        folder = tmp_path / str(i)
        folder.mkdir()
        _, _, wrong = run(zygote, reports, folder, inject, plant="swallows_store_errors")
        caught += bool(wrong)
    assert caught == len(KINDS)
    record_property("figure", f"S4: {caught} of {len(KINDS)} kinds of swallowed errors caught")


@pytest.mark.parametrize("call", [2, 3, 4])
def test_what_failed_may_survive_a_crash_and_is_then_recognised_by_its_command_id(
    call: int, zygote: Zygote, reports: Reports, tmp_path: Path
) -> None:
    """After a failed fsync nobody knows what the disk holds, so the error may not claim that nothing was written."""
    strace.require()
    path, starter = tmp_path / "crash.db", Starter(tmp_path / "go")
    with ledger.writing.open(f"sqlite:{path}"):
        pass
    worker = zygote.start("move_until_trouble", path=str(path), reports=reports.path, go=starter.path)
    reports.until(lambda lines: "ready" in lines, worker)
    inject = f"fdatasync:error=EIO:when={call}"
    with Traced(worker, tmp_path / "trace", inject=inject, only=[Path(f"{path}-wal")]):
        starter.go()
        assert worker.wait() == -9
    *told, error = reports.take()
    assert error.startswith("! StoreUnavailable")
    assert "nothing was written" not in error.lower()
    assert "same command id" in error
    assert problems(path, told) == []
    with ledger.writing.open(f"sqlite:{path}") as session:
        outcome = session.category(ledger.purses).handle(
            Move("one", "common", len(told)), command_id=f"one-{len(told)}"
        )
        assert outcome.version == 2 * (len(told) + 1)
    assert problems(path, [*told, f"one-{len(told)}"]) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()[:120]}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_the_store_goes_on_once_there_is_room(small_disk: Path) -> None:
    path, ballast = small_disk / "full.db", small_disk / "ballast"
    with ledger.writing.open(f"sqlite:{path}") as session:
        tallies = session.category(ledger.tallies)
        tallies.handle("a", Note(1), command_id="first")
        ballast.write_bytes(b"\0" * (small_disk_free(small_disk) - 16_384))
        told = 1
        while (answer := ask(tallies, f"fill-{told - 1}")) == "":
            told += 1
        assert "make room" in answer
        assert tallies.state("a").total == told  # reading goes on
        with pytest.raises(StoreUnavailable, match="make room"):
            tallies.handle("b", Note(1), command_id="more")
        ballast.unlink()
        assert tallies.handle("a", Note(1), command_id=f"fill-{told - 1}").state.total == told + 1
        assert tallies.handle("b", Note(1), command_id="more").version == 2
    assert problems(path, ["first", "more", *(f"fill-{i}" for i in range(told))]) == []


def ask(tallies: Category[Note, Tally, Noted | Filed], command_id: str) -> str:
    """What StoreUnavailable says; nothing when it went well."""
    try:
        tallies.handle("a", Note(1), command_id=command_id)
    except StoreUnavailable as error:
        return str(error)
    return ""


def small_disk_free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_bsize
