"""The benchmark: leftfold beside a hand-written floor and beside a peer, in one run.

Machines are shared and noisy, so every figure is a ratio within one run: the contenders take turns, the
medians are compared, CPU time stands beside wall time. A contender that ends with a wrong balance raises:
a benchmark that doesn't check its own answer is not run.

    python -m tests.bench [--rows a,b,e] [--rounds 3] [--scale 1.0] [--json]
"""
