"""Verdicts: what a check found, by which threshold, and what a red run looks like."""
