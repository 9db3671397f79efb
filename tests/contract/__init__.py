"""The contract suites of leftfold.testing on each of our stores, and property tests against naive models."""
