"""The AWS testbed: a stand-in for AWS on loopback, clients that record what they cost, and faults on order.

`fixtures.py` gives tests `aws` and `aws_place`; CONTRIBUTING.md says how to run them elsewhere.
"""
