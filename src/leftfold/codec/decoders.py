"""Making decoders, one at a time.

msgspec notes what it knows of a class on the class itself, and begins before it knows all. A second thread that makes a
decoder of the same class meanwhile, or of one that holds it, takes what is there, and reading with that ends the process
(msgspec 0.22, a segmentation fault). So decoders that threads may make side by side are made here; using them is safe.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import msgspec


class _Turn:
    """A lock that a forked child finds free."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.lock = threading.RLock()  # looking up annotations may run code of the user's


_turn = _Turn()


def decoder_of(cls: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of JSON for a class or any other annotation. Raises TypeError for what JSON can't give."""
    with _turn.lock:
        return msgspec.json.Decoder(cls)
