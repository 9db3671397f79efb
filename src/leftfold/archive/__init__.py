"""Floor 4: the archive: the log as immutable segments in an object store, hash-chained from position 1 on.

Knows: the ports Log, Checkpoints and Objects; envelopes as bytes. Must not know: apps, views, which store or bucket it is.
`Archiver` seals, `Archive` reads, `spanning` joins archive and store to one log.
"""

from leftfold.archive.log import spanning
from leftfold.archive.reader import Archive, Verified
from leftfold.archive.writer import Archiver, Sealed

__all__ = ["Archive", "Archiver", "Sealed", "Verified", "spanning"]
