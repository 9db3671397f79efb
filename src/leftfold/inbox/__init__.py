"""Floor 5: the inbox of a service that receives another's published events, at least once and in any order.

Knows: the published envelope, and the ports rows, checkpoints, dead letters and SQL tables. Must not know: apps, sessions,
how a message came. Per stream of the sender: a checkpoint (how far it was handled), and rows for what has to wait.
"""

from leftfold.inbox.incoming import Incoming, messages
from leftfold.inbox.taking import Inbox, Letter, Taken

__all__ = ["Inbox", "Incoming", "Letter", "Taken", "messages"]
