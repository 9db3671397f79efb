"""Floor 6: the ports, implemented. One folder a store or service; adapters see floors 0 to 2 and never each other.

`boto.py` is what those of AWS share.
"""
