"""The checks of the gate, as tests of this repository."""

from embedding_gate.suite import *  # noqa: F403
