"""Metrics of vectors, in NumPy only."""
