"""Verdicts: what a check found, by which bar, and what a red run looks like."""
