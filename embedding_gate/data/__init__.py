"""Readers of texts, goldens, recorded vectors and checkpoints."""
