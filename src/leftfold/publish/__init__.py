"""Floor 4: publishing. Events that are declared public go out from the log, at least once, in order per stream.

Knows: rules, the CloudEvents envelope, following. Must not know: which bus or stream takes the messages (the Publisher
port does), views, commands.
"""

from leftfold.publish.envelope import CloudEvent, read, write
from leftfold.publish.rules import Publish

__all__ = ["CloudEvent", "Publish", "read", "write"]
