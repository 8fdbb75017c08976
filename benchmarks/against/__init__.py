"""Compares speed and vectors with another revision: ``pytest --benchmark-only --against REV``."""
