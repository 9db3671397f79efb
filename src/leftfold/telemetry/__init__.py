"""Floor 2: what is told about a run: metrics, log lines, trace context. Values and text only.

Knows: the names of all metrics and log fields. Must not know: clocks, outputs, stores: time and the way out are handed in.
A payload is never told: log lines hold declared fields alone. The default, `SILENT`, tells nothing.
"""
