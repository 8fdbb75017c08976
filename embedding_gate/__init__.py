"""The gate: a pytest harness that judges text-embedding models."""

__version__ = "0.2.0"
