"""Tests of the proof itself: what it counts, what it records, what it searches."""
