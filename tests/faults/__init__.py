"""Faults injected into the library, and what the gate said of each."""
