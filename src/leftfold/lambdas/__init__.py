"""Floor 7: one-line Lambda handlers: `handler = commands(bank)`.

Knows: apps and sessions, the shapes in which AWS calls. Must not know: boto3, which stays behind the adapters' doors.
Each handler is imported on first use: a function's cold start pays for its own alone.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leftfold.lambdas.archiver import archiver as archiver
    from leftfold.lambdas.commands import commands as commands
    from leftfold.lambdas.inbound import inbound as inbound
    from leftfold.lambdas.ingest import ingest as ingest
    from leftfold.lambdas.projector import projector as projector
    from leftfold.lambdas.publisher import publisher as publisher
    from leftfold.lambdas.queries import queries as queries
    from leftfold.lambdas.reactor import reactor as reactor
    from leftfold.lambdas.replayer import replayer as replayer
    from leftfold.lambdas.sequencer import sequencer as sequencer
    from leftfold.lambdas.tasks import tasks as tasks
    from leftfold.lambdas.timers import timers as timers

__all__ = [
    "commands",
    "queries",
    "sequencer",
    "projector",
    "reactor",
    "publisher",
    "ingest",
    "archiver",
    "tasks",
    "replayer",
    "inbound",
    "timers",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'leftfold.lambdas' has no attribute {name!r}")
    return getattr(import_module(f"leftfold.lambdas.{name}"), name)


class _Room(ModuleType):
    """This package. A handler's module has its factory's name: here the name means the factory, once it is imported too."""

    def __setattr__(self, name: str, value: object) -> None:
        own = name in __all__ and isinstance(value, ModuleType)
        super().__setattr__(name, getattr(value, name) if own else value)


sys.modules[__name__].__class__ = _Room
