"""Workflows as state machines: what is emitted, how it runs, and that it ends as the native form does."""
