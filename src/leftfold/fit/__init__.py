"""Floor 2: fit: what things cost on AWS, as dated data.

Knows: prices, each with its date and source. Must not know: stores, views, what anything costs it for.
"""
