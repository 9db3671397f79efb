"""Floor 3: following the log. Reading on from a checkpoint, leases, waking, lanes and dead letters.

Knows: the log and checkpoint ports, the codec. Must not know: what a view or a reaction does with an event.
"""
