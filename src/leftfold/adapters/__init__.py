"""Floor 6: the ports, implemented. One folder a store; adapters see floors 0 to 2 and never each other."""
