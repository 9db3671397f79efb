"""Clocks and chance in a fold: planted in many forms, each must be found; pure code that looks like it must not."""

from types import ModuleType
from typing import Any

import pytest

from leftfold.check.impure import impurities

MODULES = "import dataclasses, datetime, hashlib, json, math, msgspec, os, random, secrets, time, uuid\n"

PLANTED = {
    "time.time": "def f(s, e): return time.time()",
    "time.time, renamed": "import time as t\ndef f(s, e): return t.time()",
    "time.time_ns": "from time import time_ns as now\ndef f(s, e): return now()",
    "time.monotonic": "def f(s, e): return [time.monotonic() for _ in s]",
    "time.perf_counter": "del time\ndef f(s, e):\n import time\n return time.perf_counter()",
    "time.time, inside": "def f(s, e):\n from time import time\n return time()",
    "datetime.datetime.now": "def f(s, e): return datetime.datetime.now()",
    "datetime.datetime.now, from": "from datetime import datetime, UTC\ndef f(s, e): return datetime.now(UTC)",
    "datetime.datetime.utcnow": "from datetime import datetime\ndef f(s, e): return datetime.utcnow()",
    "datetime.date.today": "from datetime import date\ndef f(s, e): return date.today()",
    "random.random": "def f(s, e): return random.random()",
    "random.choice": "from random import choice\ndef f(s, e): return choice([1, 2])",
    "random.Random": "def f(s, e): return random.Random().random()",
    "random.Random, of a global": "DICE = random.Random()\ndef f(s, e): return DICE.random()",
    "secrets.token_hex": "def f(s, e): return secrets.token_hex()",
    "uuid.uuid4": "def f(s, e): return uuid.uuid4()",
    "uuid.uuid1": "from uuid import uuid1\ndef f(s, e): return str(uuid1())",
    "os.urandom": "def f(s, e): return os.urandom(4)",
    "time.time, by a helper": "def fee(): return time.time()\ndef rate(): return fee()\ndef f(s, e): return rate()",
    "time.time, by a lambda": "fee = lambda: time.time()\ndef f(s, e): return fee()",
    "time.time, by a closure": "def make():\n def fee(): return time.time()\n return lambda s, e: fee()\nf = make()",
    "time.time, as a value": "def f(s, e, clock=None): return (clock or time.time)()",
    "uuid.uuid4, by a method": "class S:\n def next(self): return uuid.uuid4()\ndef f(s, e): return S().next()",
    "uuid.uuid4, by a property": "class S:\n @property\n def id(self): return uuid.uuid4()\ndef f(s, e): return S().id",
    "uuid.uuid4, by a static method": "class S:\n @staticmethod\n def id(): return uuid.uuid4()\ndef f(s, e): return S.id()",
    "uuid.uuid4, by a default": "class E(msgspec.Struct):\n id: str = msgspec.field(default_factory=uuid.uuid4)\nf = E",
    "time.time, by a dataclass": "from dataclasses import *\n"
    "@dataclass\nclass E: x: int = field(default_factory=time.time)\nf = E",
    "time.time, by a callable": "class F:\n def __call__(self, s, e): return time.time()\nf = F()",
}

PURE = {
    "a time in the event": "from datetime import *\ndef f(s, e): return e.at + timedelta(days=1), datetime(2020, 1, 1)",
    "a parsed time": "from datetime import *\ndef f(s, e): return datetime.fromtimestamp(e.at), date.fromisoformat(e.day)",
    "a derived id": "def f(s, e): return uuid.uuid5(uuid.NAMESPACE_URL, e.name)",
    "names alike": "def time(): return 1\nclass S:\n def today(self): return 3\ndef f(s, e): return time() + S().today()",
    "an attribute alike": "def f(s, e): return s.time(), e.random.choice, e.now()",
    "a module unused": "def f(s, e): return s + e",
    "a path": "def f(s, e): return os.path.join(s, e)",
    "itself": "def f(s, e): return f(s, e - 1) if e else s",
    "a hash": "def f(s, e): return hashlib.sha256(json.dumps(e).encode()).digest(), math.pi",
    "a list as default": "class E(msgspec.Struct):\n parts: list[int] = []\nf = E",
}


def function(source: str) -> Any:
    module = ModuleType("rules")
    exec(compile(MODULES + source, "rules.py", "exec"), vars(module))
    return vars(module)["f"]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_clock_or_chance_is_found(name: str) -> None:
    found = impurities(function(PLANTED[name]))
    assert [one.partition(" (")[0] for one in found] == [name.partition(",")[0]]


@pytest.mark.parametrize("name", PURE)
def test_pure_code_is_left_alone(name: str) -> None:
    assert impurities(function(PURE[name])) == []


def test_a_finding_names_function_and_line() -> None:
    source = "\n\ndef fee():\n    return time.time()\n\ndef f(s, e):\n    return fee()\n"
    assert impurities(function(source)) == ["time.time (in rules.fee, line 5)"]
