"""Floor 4: reactions and processes at work. Events become commands, each at most once in effect.

Knows: reactions and processes as values, following, the one loop for a process's own streams. Must not know: views,
stores, how a command gets to its decider (that is handed in). `Refused` and `Due` are here for annotations.
"""

from leftfold.core.processes import Due as Due, Refused as Refused

__all__ = ["Due", "Refused"]
