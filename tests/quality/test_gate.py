"""The gate on this repository: every check of the suite is a test here."""

from embedding_gate.suite import *  # noqa: F403
