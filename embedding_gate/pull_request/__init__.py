"""Judges a pull request with the gate of its base revision: ``python -m embedding_gate.pull_request``."""
