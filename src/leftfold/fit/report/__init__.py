"""An advice as Markdown, HTML and JSON: pure text, drawn from the same value as the terminal's report.

Knows: `Advice`. Must not know: how it was reached, files, terminals.
"""
