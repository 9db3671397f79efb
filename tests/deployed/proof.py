"""Everything that the tests of deployed apps look at, as data: what was seen from outside, and what went over the wire.

One run serves all of them, in whichever process they are: the first one makes it, the others read it.
"""

from __future__ import annotations

import fcntl
import pickle
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployed.deployment import cloud
from tests.deployed.stories import Facts, play
from tests.deployed.wire import Exchange, Recorder

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Proof:
    facts: Facts
    seen: list[Exchange]
    roles: dict[str, Document]  # by function, as all below
    mappings: dict[str, list[Document]]
    calls: dict[str, Document]
    waiting: list[str]  # the state machines that wait for tokens
    kinds: dict[str, str]
    patches: dict[str, int]
    seconds: float


def prove() -> Proof:
    """Deploy the apps, let everything happen, take all down."""
    began = time.perf_counter()
    with cloud() as server, Recorder(server.endpoint) as recorder:
        facts, deployments = play(server, recorder)
        patches: dict[str, int] = {}
        for one in deployments:
            for what, changed in one.patches.items():
                patches[what] = patches.get(what, 0) + changed
        return Proof(
            facts=facts,
            seen=recorder.seen,
            roles={name: role for one in deployments for name, role in one.roles().items()},
            mappings={name: found for one in deployments for name, found in one.mappings().items()},
            calls={name: found for one in deployments for name, found in one.calls().items()},
            waiting=[arn for one in deployments for arn in one.waiting()],
            kinds={name: kind for one in deployments for kind, name in one.functions.items()},
            patches=patches,
            seconds=time.perf_counter() - began,
        )


def once(folder: Path, make: Callable[[], Proof]) -> Proof:
    """What `make` makes, made once for all processes that share the folder."""
    with _locked(folder / "proof.lock"):
        kept = folder / "proof.pickle"
        if not kept.exists():
            made = pickle.dumps(make())
            kept.write_bytes(made)
        proof: Proof = pickle.loads(kept.read_bytes())
        return proof


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
