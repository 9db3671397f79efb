"""Floor 0: the pure heart. Deciders, events, streams, commits, views and reactions as values.

Knows: the standard library and msgspec. Must not know: I/O, the clock, the environment, logging, or any store.
Everything here is a value or a pure function of values, so replay is exact and tests patch nothing.
"""
