"""Floor 2: fit: is event sourcing worth it for one bounded context, what would the plain way be, and what does each cost.

Knows: questions, rules with their sources, prices with their dates, formulas, reports. Everything is a function of answers.
Must not know: stores, apps, terminals. What an app measured comes in as plain numbers.
"""
