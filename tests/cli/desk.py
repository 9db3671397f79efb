"""A folder with an app in it, and the command line called there: in this process, or as a real one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leftfold import App, Session
from leftfold.cli.apps import load_app
from leftfold.cli.main import main

ACCOUNT = """
from msgspec import Struct

class Open(Struct, frozen=True): owner: str
class Deposit(Struct, frozen=True): amount: int
class Transfer(Struct, frozen=True): to: str; amount: int

class Opened(Struct, frozen=True): owner: str
class Deposited(Struct, frozen=True): amount: int
class TransferSent(Struct, frozen=True): to: str; amount: int

Command = Open | Deposit | Transfer
Event = Opened | Deposited | TransferSent

class Refused(Exception): ...

class Account(Struct, frozen=True):
    is_open: bool = False
    balance: int = 0

category = "account"
initial = Account()
refusals = (Refused,)

def decide(command: Command, account: Account) -> list[Event]:
    match command:
        case Open(owner): return [Opened(owner)]
        case _ if not account.is_open: raise Refused("no such account")
        case Deposit(amount): return [Deposited(amount)]
        case Transfer(to, amount): return [TransferSent(to, amount)]

def evolve(account: Account, event: Event) -> Account:
    match event:
        case Opened(): return Account(True, account.balance)
        case Deposited(amount): return Account(account.is_open, account.balance + amount)
        case TransferSent(_, amount): return Account(account.is_open, account.balance - amount)
"""

BANK = """
import account
from account import Deposit, Deposited, Opened, TransferSent
from msgspec import Struct
from leftfold import App, Recorded, Send, View, send

class Balance(Struct, frozen=True):
    owner: str = ""
    cents: int = 0

def balance(row: Balance, event: account.Event) -> Balance:
    match event:
        case Opened(owner): return Balance(owner, row.cents)
        case Deposited(amount): return Balance(row.owner, row.cents + amount)
        case TransferSent(_, amount): return Balance(row.owner, row.cents - amount)

def by_owner(event: Recorded[Opened]) -> str: return event.data.owner
def count(total: int, event: Opened) -> int: return total + 1

def credit(event: Recorded[TransferSent]) -> list[Send]:
    return [send(account, event.data.to, Deposit(event.data.amount))]

balances = View("balances", initial=Balance(), evolve=balance)
owners = View("owners", initial=0, evolve=count, key=by_owner)
app = App("bank", deciders=[account], views=[balances, owners], reactions=[credit])
"""

MODULES = ("account", "bank", "shop", "broken", "things")


class Desk:
    """`bank.py` and `account.py` in a folder, and what one does there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.chdir(folder)
        monkeypatch.delenv("LEFTFOLD_STORE", raising=False)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)  # versions of one file within a second of its clock
        self.write()

    def write(self, *changes: tuple[str, str]) -> None:
        """The two modules, with each `(old, new)` replaced, wherever it stands."""
        for name, text in (("account", ACCOUNT), ("bank", BANK)):
            for old, new in changes:
                text = text.replace(old, new)
            (self.folder / f"{name}.py").write_text(text)
        assert all(old in ACCOUNT + BANK for old, _ in changes), "a change that changes nothing"

    def run(self, *args: str, env: dict[str, str] | None = None) -> Result:
        """The verb in this process. Anything but an exit is a traceback, which no user may ever see."""
        with fresh_modules():
            result = CliRunner().invoke(main, list(args), env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output
        return result

    def ok(self, *args: str, code: int = 0) -> str:
        """What the verb says, having exited with `code`."""
        result = self.run(*args)
        assert result.exit_code == code, result.output
        return result.stdout

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self.ok(*args, "--json", code=code))

    def lines(self, *args: str, code: int = 0) -> list[Any]:
        return [json.loads(line) for line in self.ok(*args, "--json", code=code).splitlines()]

    def error(self, *args: str, code: int) -> str:
        """The error in words; the same one as JSON says the same; nothing on stdout for either."""
        result, programs = self.run(*args), self.run(*args, "--json")
        assert (result.exit_code, programs.exit_code) == (code, code), result.output
        assert result.stdout == programs.stdout == ""
        told = json.loads(programs.stderr)
        assert told.keys() == {"error", "message"}
        if code != 2:
            assert told["message"] in result.stderr
        return result.stderr

    @contextmanager
    def session(self, url: str = "sqlite:bank.db", tenant: str | None = None) -> Iterator[tuple[Session, Any]]:
        """The app open on its store, and its account module."""
        with fresh_modules():
            app: App = load_app("bank:app", self.folder)
            with app.open(url, tenant=tenant) as session:
                yield session, sys.modules["account"]

    def fill(self, *, catch_up: bool = True, url: str = "sqlite:bank.db", tenant: str | None = None) -> None:
        """Two accounts, a deposit, and a transfer of 30 that arrives: five events."""
        with self.session(url, tenant) as (session, account):
            accounts = session.category(account)
            accounts.handle("ann", account.Open("Ann"), command_id="c1", actor="teller-1")
            accounts.handle("bob", account.Open("Bob"), command_id="c2")
            accounts.handle("ann", account.Deposit(100), command_id="c3", actor="teller-2")
            accounts.handle("ann", account.Transfer("bob", 30), command_id="c4", actor="ann")
            if catch_up:
                session.catch_up()

    def start(self, *args: str, **environment: str) -> "subprocess.Popen[str]":
        """The verb as a process of its own."""
        command = [sys.executable, "-c", "from leftfold.cli.main import main; main()", *args]
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
        return subprocess.Popen(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@contextmanager
def fresh_modules() -> Iterator[None]:
    """The user's modules are read anew, and forgotten afterwards."""
    path = list(sys.path)
    forget()
    try:
        yield
    finally:
        sys.path[:] = path
        forget()


def forget() -> None:
    for name in MODULES:
        sys.modules.pop(name, None)
