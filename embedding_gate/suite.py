"""The checks, as tests that any repository can take over.

A test file needs one line, ``from embedding_gate.suite import *``; the plugin ``embedding_gate.plugin`` gives
the fixtures, the options and the table.
"""

import pytest

from embedding_gate.register import gate_tests

_TESTS = dict(gate_tests())
globals().update(_TESTS)
pytestmark = pytest.mark.quality

__all__ = ["pytestmark", *_TESTS]  # noqa: PLE0604
