"""Ctrl-C, a reader that goes away, and a terminal: real processes."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.desk import Desk

INTERRUPTED = (
    "case Deposited(amount): return Balance(",
    "case Deposited(777) if __import__('os').environ.get('STOP'): __import__('os').kill(__import__('os').getpid(), 2)\n"
    "        case Deposited(amount): return Balance(",
)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_followed_log_shows_what_others_append_until_ctrl_c(bank: Desk) -> None:
    process = bank.start("log", "bank:app", "--follow", "--since", "5")
    assert "account/bob@2" in line_of(process)
    with bank.session() as (session, account):
        session.category(account).handle("bob", account.Deposit(7))
    assert "account/bob@3" in line_of(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err == "Stopped: no longer following; nothing was changed.\n"


def test_following_ends_at_the_limit(bank: Desk) -> None:
    process = bank.start(
        "log", "bank:app", "--follow", "--json", "--limit", "6", "--type", "Deposited", "--stream", "account/bob"
    )
    line_of(process)
    with bank.session() as (session, account):
        for _ in range(6):
            session.category(account).handle("bob", account.Deposit(7))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert len(out.splitlines()) == 5


def test_a_rebuild_that_is_stopped_goes_on_where_it_was(desk: Desk) -> None:
    desk.write(INTERRUPTED)
    with desk.session() as (session, account):
        accounts = session.category(account)
        for _ in range(3):
            accounts.transact("ann", lambda state: [account.Deposited(1) for _ in range(1000)])
        accounts.transact("ann", lambda state: [account.Deposited(777)])
        session.catch_up()
    before = desk.json("views", "bank:app", "digest")
    process = desk.start("views", "bank:app", "rebuild", "balances", STOP="1")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert "go on with: leftfold views bank:app rebuild balances" in err
    (candidate,) = [one for one in desk.json("views", "bank:app") if one["role"] == "candidate"]
    assert candidate["health"]["position"] == 3000, "what was done stays"
    assert desk.json("views", "bank:app", "rebuild", "balances")["candidate"] == candidate["subscriber"]
    assert "0 rows differ" in desk.ok("views", "bank:app", "diff", "balances")
    desk.ok("views", "bank:app", "promote", "balances")
    assert desk.json("views", "bank:app", "digest") == before


def test_a_reader_that_goes_away_is_no_error(desk: Desk) -> None:
    with desk.session() as (session, account):
        session.category(account).transact("ann", lambda state: [account.Deposited(1) for _ in range(5000)])
    for args in ((), ("--json",)):
        process = desk.start("log", "bank:app", *args)
        assert line_of(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=120) == 141
        process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_an_output_that_is_full_is_told(bank: Desk) -> None:
    command = [sys.executable, "-c", "from leftfold.cli.main import main; main()", "log", "bank:app"]
    for args in ((), ("--json",)):
        with open("/dev/full", "w") as full:
            run = subprocess.run([*command, *args], cwd=bank.folder, stdout=full, stderr=subprocess.PIPE, text=True)
        assert run.returncode == 4
        assert "the output can't be written: No space left on device." in run.stderr
        assert len(run.stderr.splitlines()) == 1


def test_closed_streams_are_taken_for_empty_ones(bank: Desk) -> None:
    (bank.folder / "fit.yaml").write_text("crud_verbs: no\n")
    verb = f"{sys.executable} -c 'from leftfold.cli.main import main; main()' fit fit.yaml --ask"
    for closed in ("<&-", ">&- <&-", "2>&-", "<&- >&- 2>&-"):
        run = subprocess.run(
            ["sh", "-c", f"{verb} {closed}"], cwd=bank.folder, stdin=subprocess.DEVNULL, capture_output=True
        )
        assert (run.returncode, run.stderr) == (0, b""), closed


def test_text_that_the_output_cant_encode_is_escaped(desk: Desk) -> None:
    with desk.session() as (session, account):
        session.category(account).handle("zoë", account.Open("žluťoučký 😀"))
        session.catch_up()
    for args in (
        ("log", "bank:app"),
        ("explain", "bank:app", "balances", "zoë"),
        ("trace", "bank:app", "account/zoë@1"),
    ):
        process = desk.start(*args, PYTHONIOENCODING="ascii")
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert "account/zo" in out
    assert "account/zo\\xeb@1" in out


def test_a_terminal_gets_colours_and_a_bar_and_a_pipe_gets_neither(desk: Desk) -> None:
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from leftfold.cli.main import main; main()", "demo", "--dir", "d", "--commands", "400"],
        cwd=desk.folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the terminal is closed: the process is done
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(timeout=120) == 0
    text = shown.decode()
    assert "\x1b[1m" in text
    assert "commands \x1b" in text or "commands ━" in text
    assert "The money adds up" in text


def test_a_demo_that_is_stopped_goes_on_and_its_money_adds_up(desk: Desk) -> None:
    process = desk.start("demo", "--dir", "d", "--commands", "1000000")
    (desk.folder / "things.py").write_text("from bank import app\n")
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        known = desk.run("log", "things:app", "--store", "sqlite:d/bank.db", "--since", "1000", "--limit", "1")
        if known.stdout:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "`leftfold demo --dir d` goes on with it" in err
    found = desk.json("demo", "--dir", "d", "--commands", "400")
    assert found["audit"]["events"] > 1000 + found["work"]["appended"]
