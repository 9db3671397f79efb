"""Simulations of an app: crashes, lost replies, lost leases and redelivery, by the seed."""
