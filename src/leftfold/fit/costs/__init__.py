"""What each alternative costs on AWS, on the same workload: prices, a module of formulas a service, alternatives, growth.

Knows: list prices with their dates, how each service bills. Must not know: verdicts' reasons, how a report looks.
"""
