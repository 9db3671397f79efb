"""Floor 4: views. Folding pages into rows, builds side by side, waiting for a receipt.

Knows: the view values, the row and catalog ports, following. Must not know: which store, sessions, commands.
"""
