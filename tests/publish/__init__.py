"""Publishing: events go out from the log, at least once, in order per stream."""
