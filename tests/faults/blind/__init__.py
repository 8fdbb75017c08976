"""The search for faults that the gate cannot detect: ``python -m tests.faults.blind_spots``."""
