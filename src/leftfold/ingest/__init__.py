"""Floor 5: records of a stream from outside (Kinesis) become events: grouped by stream, many to a commit, each once.

Knows: store and object ports, the codec, the clock. Must not know: Kinesis, Lambda, or what a session is.
`declared.py` is what an app says, `taking.py` is the work, `marks.py` what is remembered of each stream.
"""

from leftfold.ingest.declared import EVER, Ingest, Kept, Record, Taken

__all__ = ["EVER", "Ingest", "Kept", "Record", "Taken"]
