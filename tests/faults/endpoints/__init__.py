"""Faults of servers of embeddings, each from a public report, and correct variants that must raise no alarm.

Each is a small patch of the right server of tests/support/server.py.
"""

from tests.faults.endpoints import answers, clients, harmless, inputs
from tests.faults.endpoints.registry import BENIGN, FAULTS, EndpointFault

__all__ = ["BENIGN", "FAULTS", "EndpointFault", "answers", "clients", "harmless", "inputs"]
