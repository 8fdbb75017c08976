"""Tests of the library and of the judge."""

HANG = 300  # seconds that no step here takes on the slowest and busiest machine: what takes longer never ends
