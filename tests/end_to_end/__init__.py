"""Whole runs, as a user makes them."""
