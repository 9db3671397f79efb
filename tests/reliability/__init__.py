"""The table of promises: kill, interrupt, starve and confuse a store, and see that what was acknowledged stays.

Each test of a promise has a planted bug beside it that the same check catches ("k of k caught").
"""
