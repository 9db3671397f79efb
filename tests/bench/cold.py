"""Rows i and i1: what a fresh interpreter pays before an app of 100 event types is ready, or has answered.

A program is written into the row's folder and started `n` times, each time beside a bare interpreter, whose
cost is subtracted. A first start that doesn't count leaves the byte code behind, as a container image has it.
boto3 is apart: nothing here imports it.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.bench.measure import Reading, check, middle

TYPES: Final = 100

HEAD: Final = """\
from msgspec import Struct

category = "wide"
initial = 0

class Do(Struct, frozen=True):
    amount: int
"""
ONE_TYPE: Final = """
class Happened{i}(Struct, frozen=True):
    amount: int
    name: str = ""
"""
TAIL: Final = """
Event = {union}

def decide(command: Do, state: int) -> list[Event]:
    return [Happened0(command.amount)]

def evolve(state: int, event: Event) -> int:
    return state + event.amount
"""

FLOOR: Final = """\
import json, sqlite3, typing
import domain
types = {kind.__name__: kind for kind in typing.get_args(domain.Event)}
"""
FLOOR_FIRST: Final = """\
database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE events (stream TEXT, version INTEGER, type TEXT, data TEXT, UNIQUE (stream, version))")
found = database.execute("SELECT type, data FROM events WHERE stream = 'wide/a'").fetchall()
event = domain.decide(domain.Do(7), 0)[0]
database.execute("INSERT INTO events VALUES ('wide/a', 1, ?, ?)", (type(event).__name__, json.dumps({"amount": 7})))
print(domain.evolve(0, event))
"""
OURS: Final = """\
from leftfold import App
import domain
app = App("wide", deciders=[domain])
"""
OURS_FIRST: Final = """\
with app.open("memory:") as session:
    print(session.category(domain).handle("a", domain.Do(7)).state)
"""
PEER_TYPE: Final = """
    class Happened{i}(Aggregate.Event):
        amount: int
        name: str = ""
"""
PEER_HEAD: Final = """\
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

class Wide(Aggregate):
    def __init__(self) -> None:
        self.amount = 0
"""
PEER_TAIL: Final = """
    @event(Happened0)
    def do(self, amount: int, name: str = "") -> None:
        self.amount += amount
"""
PEER: Final = """\
from eventsourcing.application import Application
from peer_domain import Wide
app = Application()
"""
PEER_FIRST: Final = """\
wide = Wide()
wide.do(amount=7)
app.save(wide)
print(app.repository.get(wide.id).amount)
"""
READY: Final = "print('ready')\n"


def ready(n: int, folder: Path, program: str) -> Reading:
    """Import and build the app, no more."""
    return starts(n, folder, program + READY, answer="ready")


def first_answer(n: int, folder: Path, program: str) -> Reading:
    """The same, then the first command is decided and stored in memory: nothing lazy is left unpaid."""
    return starts(n, folder, program, answer="7")


def starts(n: int, folder: Path, program: str, *, answer: str) -> Reading:
    write_domain(folder)
    (folder / "peer_domain.py").write_text(PEER_HEAD + "".join(PEER_TYPE.format(i=i) for i in range(TYPES)) + PEER_TAIL)
    (folder / "bare.py").write_text(f"print({answer!r})\n")
    (folder / "program.py").write_text(program)
    start(folder / "program.py", answer)
    pairs = [(start(folder / "program.py", answer), start(folder / "bare.py", answer)) for _ in range(n)]
    full, bare = middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])
    return Reading(full.cpu_us - bare.cpu_us, full.wall_us - bare.wall_us)


def write_domain(folder: Path) -> None:
    """A decider of 100 event types, as `domain.py`."""
    many = range(TYPES)
    union = " | ".join(f"Happened{i}" for i in many)
    (folder / "domain.py").write_text(HEAD + "".join(ONE_TYPE.format(i=i) for i in many) + TAIL.format(union=union))


def start(program: Path, answer: str) -> Reading:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    printed = subprocess.run([sys.executable, program], check=True, capture_output=True, text=True).stdout
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    check(program.name, printed.strip(), answer)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Reading(cpu_s * 1e6, wall_s * 1e6)
