"""Tests with really trained weights that packages ship (make trained)."""
