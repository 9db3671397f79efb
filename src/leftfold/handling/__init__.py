"""Floor 3: commands become events. The one loop: load, decide, append, and again when somebody was first.

Knows: deciders, the event store port, the codec. Must not know: which store, views, sessions.
"""
