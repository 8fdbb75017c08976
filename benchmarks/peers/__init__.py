"""Compares speed with other implementations, each in its own process."""
