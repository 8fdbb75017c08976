"""The search for what the gate cannot see: ``python -m tests.faults.blind_spots``."""
