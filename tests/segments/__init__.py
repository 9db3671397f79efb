"""Segments of the archive, the parallel replay from them, and what analysts are given."""
