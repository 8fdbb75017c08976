"""A server of embeddings: a client for three forms of API, and what their contracts promise."""

from embedding_gate.endpoint.address import is_address
from embedding_gate.endpoint.client import Client, Reply, open_client
from embedding_gate.endpoint.endpoint import Answer, Endpoint, distinct_texts

__all__ = ["Answer", "Client", "Endpoint", "Reply", "distinct_texts", "is_address", "open_client"]
