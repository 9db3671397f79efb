"""Threads that meet a class for the first time at the same moment: a web server's first requests.

What goes wrong here ends the process, so it goes on in one of its own.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST_USE = """
import sys
import threading
from contextlib import nullcontext
from typing import Any

from msgspec import defstruct

from leftfold import App
from leftfold.codec import decoders

sys.setswitchinterval(1e-6)
if sys.argv[1] == "unguarded":
    decoders._turn.lock = nullcontext()


def fresh(number: int) -> tuple[App, Any, type]:
    money = defstruct("Money", [("cents", int), ("currency", str)], frozen=True)
    event = defstruct("Deposited", [("money", money), ("by", str | None, None), ("at", tuple[int, int])], frozen=True,
                      kw_only=True)

    class Account:
        category, initial = "account", 0

        def decide(self, command: Any, balance: int) -> Any:
            return [command]

        def evolve(self, balance: int, happened: Any) -> int:
            return balance + happened.money.cents

    Account.evolve.__annotations__["happened"] = event
    account = Account()
    return App("bank", deciders=[account]), account, event(money=money(5, "EUR"), at=(1, 2))


for number in range(150):
    app, account, event = fresh(number)
    session, start, failed = app.open("memory:"), threading.Barrier(4), []

    def work(key: str) -> None:
        try:
            start.wait()
            session.category(account).handle(key, event)
            assert [one.data for one in session.category(account).events(key)] == [event]
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(key,)) for key in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
"""


def ended(how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FIRST_USE, how], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_class_is_met_first_by_several_threads() -> None:
    done = ended("guarded")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_guard_it_is_caught() -> None:
    assert any(ended("unguarded").returncode == -signal.SIGSEGV for _ in range(5))
