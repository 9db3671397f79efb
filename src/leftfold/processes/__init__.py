"""Floor 4: reactions at work. Events become commands, each at most once in effect.

Knows: reactions as functions, following. Must not know: views, stores, how a command is handled (it is handed in).
"""
