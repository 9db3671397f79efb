"""Floor 2: bytes <-> typed events, and the one validator at the append door.

Knows: the schema, msgspec. Must not know: stores, clocks, sessions. The envelope bytes made here are what is stored,
archived and hashed; nobody encodes an event a second time.
"""
