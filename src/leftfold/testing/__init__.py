"""Floor 8: the testing kit. Given/when/then on values, a steerable clock, a simulation, contract suites for ports.

Knows: everything below, pytest and hypothesis. Must not know: the command line. Each name is imported on first use:
pytest loads `leftfold.testing.plugin` in every run on a machine that has leftfold, so that must cost next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leftfold.testing.clock import FrozenClock as FrozenClock
    from leftfold.testing.deciding import given as given
    from leftfold.testing.events import happened as happened
    from leftfold.testing.reacting import reaction as reaction
    from leftfold.testing.rehearsing import rehearse as rehearse
    from leftfold.testing.simulation import SimulationFailed as SimulationFailed, simulate as simulate
    from leftfold.testing.viewing import view as view

_HOMES = {
    "given": "deciding",
    "happened": "events",
    "view": "viewing",
    "reaction": "reacting",
    "rehearse": "rehearsing",
    "FrozenClock": "clock",
    "simulate": "simulation",
    "SimulationFailed": "simulation",
}

__all__ = ["given", "happened", "view", "reaction", "rehearse", "FrozenClock", "simulate", "SimulationFailed"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'leftfold.testing' has no attribute {name!r}")
    return getattr(import_module(f"leftfold.testing.{_HOMES[name]}"), name)
