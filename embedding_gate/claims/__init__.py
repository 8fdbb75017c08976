"""Figures that were published, and what becomes of them."""
