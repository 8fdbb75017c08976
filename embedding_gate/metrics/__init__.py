"""Figures of vectors, in NumPy alone."""
