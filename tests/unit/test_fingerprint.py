"""Fingerprints: every change that could change a fold's states changes it, and nothing else does.

Each test writes a module twice, runs both versions, and compares the fingerprints of their `evolve`.
"""

import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from leftfold.core.fingerprint import fingerprint

DOMAIN = '''
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property, lru_cache, partial
from re import compile

from msgspec import Struct, field as struct_field

import fees

class Kind(Enum):
    SMALL = 1
    LARGE = 100

class Tag(Struct, frozen=True):
    name: str = "plain"

class Price(Struct, frozen=True):
    cents: int = 1
    tags: tuple[Tag, ...] = ()

class Added(Struct, frozen=True):
    n: int
    price: Price | None = None

@dataclass(frozen=True)
class Total:
    n: int = 0
    notes: list[str] = field(default_factory=list)

    STEP = 1

    @property
    def doubled(self): return self.n * 2

    @cached_property
    def tripled(self): return self.n * 3

    @staticmethod
    def start(): return 0

    def __add__(self, other): return Total(self.n + other)

RATES = {"a": 1, "b": (2, 3)}
FLAGS = frozenset({"north", "south", "east"})
RATE = Decimal("1.5")
PERIOD = timedelta(days=1)
BASE = Price(5)
PATTERN = compile("a+")
UNUSED = 1

def helper(n): return n + deeper(n)
def deeper(n): return n + 1
def plus(a, b=2, *, c=3): return a + b + c
twice = partial(plus, 4)

@lru_cache
def cached(n): return n - 1

def unused(n): return n

def outer(k):
    def inner(n): return n + k
    return inner

inside = outer(7)

def evolve(total: Total, event: Added) -> Total:
    """Adds."""
    if event.n in FLAGS or PATTERN.match("a"): return total
    return Total(
        total.n + helper(event.n) + cached(1) + plus(1) + twice(2) + RATES["a"] + int(RATE) + PERIOD.days + BASE.cents
        + sum(x * 3 for x in [1, 2]) + fees.fee(event.n) + fees.FEE + Kind.LARGE.value + total.doubled + inside(1)
    )
'''
FEES = "FEE = 3\nOTHER = 4\n\ndef fee(n): return n + 1\n\ndef other(n): return n\n"

_numbers = count()


def module(source: str, name: str = "domain") -> ModuleType:
    made = ModuleType(name)
    sys.modules[name] = made  # annotations are looked up there
    exec(compile(source, f"<{name} {next(_numbers)}>", "exec"), made.__dict__)
    return made


@pytest.fixture(autouse=True)
def _modules_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("domain", "fees"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


def of_evolve(domain: str = DOMAIN, fees: str = FEES) -> str:
    module(fees, "fees")
    made: Any = module(domain)
    return fingerprint(made.evolve, made.Total(), (made.Added,))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("return total\n", "return Total()\n", id="evolve's code"),
        pytest.param("x * 3 for", "x * 4 for", id="code inside a comprehension"),
        pytest.param("n + deeper(n)", "n - deeper(n)", id="a helper function"),
        pytest.param("deeper(n): return n + 1", "deeper(n): return n + 2", id="a helper's helper"),
        pytest.param("cached(n): return n - 1", "cached(n): return n - 2", id="a cached helper"),
        pytest.param("b=2", "b=5", id="a default argument"),
        pytest.param("c=3", "c=5", id="a keyword's default"),
        pytest.param("partial(plus, 4)", "partial(plus, 5)", id="a partial's argument"),
        pytest.param("outer(7)", "outer(8)", id="what a closure holds"),
        pytest.param('{"a": 1,', '{"a": 9,', id="a constant dict"),
        pytest.param("(2, 3)}", "(2, 4)}", id="a constant inside a constant"),
        pytest.param('"east"', '"west"', id="a constant set"),
        pytest.param('"1.5"', '"2.5"', id="a Decimal"),
        pytest.param("days=1", "days=2", id="a timedelta"),
        pytest.param("Price(5)", "Price(6)", id="a record used as a constant"),
        pytest.param('"a+"', '"b+"', id="a pattern"),
        pytest.param("LARGE = 100", "LARGE = 101", id="an enum's value"),
        pytest.param("n: int = 0", "n: int = 7", id="a default of the state"),
        pytest.param("default_factory=list", "default_factory=tuple", id="a default factory of the state"),
        pytest.param("notes: list[str]", "notes: list[int]", id="the type of a field"),
        pytest.param("    n: int\n", "    n: int\n    m: int = 0\n", id="a field of an event"),
        pytest.param('name: str = "plain"', 'name: str = "fancy"', id="a default of a class nested in fields"),
        pytest.param("cents: int = 1", "cents: float = 1", id="a field of a nested class, in text annotations"),
        pytest.param("return self.n * 2", "return self.n * 4", id="a property of the state"),
        pytest.param("return self.n * 3", "return self.n * 5", id="a cached property of the state"),
        pytest.param("def start(): return 0", "def start(): return 1", id="a static method of the state"),
        pytest.param("Total(self.n + other)", "Total(self.n - other)", id="an operator of the state"),
        pytest.param("STEP = 1", "STEP = 2", id="a class constant of the state"),
    ],
)
def test_a_change_that_could_change_a_state_changes_the_fingerprint(was: str, becomes: str) -> None:
    assert DOMAIN.count(was) == 1
    assert of_evolve(DOMAIN.replace(was, becomes)) != of_evolve()


@pytest.mark.parametrize(("was", "becomes"), [("FEE = 3", "FEE = 4"), ("return n + 1", "return n + 2")])
def test_a_change_in_another_module_of_the_user_changes_the_fingerprint(was: str, becomes: str) -> None:
    assert of_evolve(fees=FEES.replace(was, becomes)) != of_evolve()


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("UNUSED = 1", "UNUSED = 2", id="an unused constant"),
        pytest.param("def unused(n): return n", "def unused(n): return n + 1", id="an unused function"),
        pytest.param("def helper", "# a comment\n\n\ndef helper", id="a comment, and other line numbers"),
        pytest.param("twice = partial", "import json\nNEW = json.dumps([])\ntwice = partial", id="a new import"),
    ],
)
def test_unrelated_code_does_not_change_it(was: str, becomes: str) -> None:
    assert DOMAIN.count(was) == 1
    assert of_evolve(DOMAIN.replace(was, becomes)) == of_evolve()


def test_unrelated_code_of_another_module_does_not_change_it() -> None:
    assert of_evolve(fees=FEES.replace("OTHER = 4", "OTHER = 5").replace("return n\n", "return -n\n")) == of_evolve()


DECIDER = """
class Table:
    def __init__(self, rate): self.rate = rate

class Decider:
    def __init__(self, step, name, table):
        self.step, self.name, self.table = step, name, table
    def decide(self, command, state): return [command]
    def evolve(self, state, event): return self.plus(state, event)
    def plus(self, state, event): return state + event * self.step * self.table.rate
    def unused(self): return 1
"""


def of_decider(source: str = DECIDER, step: int = 1, name: str = "one", rate: int = 1) -> str:
    made: Any = module(source)
    return fingerprint(made.Decider(step, name, made.Table(rate)).evolve)


def test_a_method_counts_with_what_it_reads_of_self_and_no_more() -> None:
    assert of_decider() == of_decider()
    assert of_decider(step=2) != of_decider()
    assert of_decider(rate=2) != of_decider()
    assert of_decider(DECIDER.replace("state + event", "state - event")) != of_decider()
    assert of_decider(name="two") == of_decider()
    assert of_decider(DECIDER.replace("return 1", "return 2")) == of_decider()
    assert of_decider(DECIDER.replace("return [command]", "return []")) == of_decider()


def test_values_of_other_types_are_other_values() -> None:
    assert len({fingerprint(value) for value in (1, 1.0, True, "1", b"1", (1,), [1], {1}, {1: 1}, None)}) == 10


def test_the_way_in_which_a_list_is_nested_counts() -> None:
    assert fingerprint([1, [2, 3]]) != fingerprint([1, 2, 3]) != fingerprint([[1, 2], 3])


def test_what_refers_to_itself_ends() -> None:
    looped: Any = module(
        "class Node:\n    def __init__(self): self.next = self\nnode = Node()\ndef f(n): return node\n"
    )
    assert fingerprint(looped.f) == fingerprint(looped.f)


def test_it_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Whatever the seed of hashing, and wherever things lie in memory."""
    (tmp_path / "domain.py").write_text(DOMAIN)
    (tmp_path / "fees.py").write_text(FEES)
    program = (
        "import domain; from leftfold.core.fingerprint import fingerprint as f; print(f(domain.evolve, domain.Total))"
    )

    def run(seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        return subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True)

    assert len({run(seed) for seed in (0, 1, 2, 12345)}) == 1
