from tests.deployed.fixtures import proof

__all__ = ["proof"]
