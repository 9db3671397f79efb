"""Floor 9: the command line. One file per verb; `main.py` puts them together and turns errors into exit codes.

Knows: apps, sessions, operations, click and rich. Must not know: how a store keeps anything. Nothing imports it.
To add a verb: a file here with a click command, and its name in `main.py`.
"""
