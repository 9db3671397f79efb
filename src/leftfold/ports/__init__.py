"""Floor 1: what leftfold needs from the world, as Protocols of at most five methods.

Knows: the values of core. Must not know: any adapter, any codec. Adapters match these shapes structurally;
the public contract suites in leftfold.testing hold them to the promises written here.
"""
