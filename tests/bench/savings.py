"""The same account with snapshots, under a category of its own: row c1000s loads it cold."""

from tests.bench.account import Account, Command, Event, Refused, decide, evolve, initial

__all__ = ["Account", "Command", "Event", "category", "decide", "evolve", "initial", "refusals", "snapshot_every"]

category = "savings"
refusals = (Refused,)
snapshot_every = 100
