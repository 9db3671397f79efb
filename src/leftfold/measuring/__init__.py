"""Floor 5: measuring: what a store's history, and the metrics of its handlers, say of the workload; for `leftfold fit`.

Knows: a session, opened to read; `leftfold.fit`'s answers. Writes nothing, decodes no event for its sizes, and never holds a
whole history in memory: a long one is sampled. Must not know: terminals, prices.
"""

from leftfold.measuring.measure import measure, of_traffic
from leftfold.measuring.traffic import Traffic, read_metrics

__all__ = ["Traffic", "measure", "of_traffic", "read_metrics"]
