"""Exit codes, as `leftfold --help` documents them."""

from typing import Final

FOUND: Final = 1
USAGE: Final = 2
WRONG: Final = 3
UNAVAILABLE: Final = 4
STOPPED: Final = 130  # 128 + SIGINT, as every shell tool
HUNG_UP: Final = 141  # 128 + SIGPIPE: the reader of our output went away
