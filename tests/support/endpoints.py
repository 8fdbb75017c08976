"""Functions that serve the fake embedder and judge the server."""

from collections.abc import Collection, Sequence
from contextlib import closing
from functools import cache
from typing import Protocol

import numpy as np

from embedding_gate.endpoint import Client, Endpoint, open_client
from embedding_gate.endpoint.endpoint import TokenIds, distinct_texts
from embedding_gate.own_files import OWN, hashes, sets, texts, thresholds_of
from embedding_gate.register import endpoint_tests
from embedding_gate.session import run_endpoint_gate
from embedding_gate.verdicts.gate import Gate, check_name
from embedding_gate.verdicts.thresholds import Threshold
from tests.support.fake_embedder import FakeEmbedder
from tests.support.server import Service

__all__ = ["FAKE", "FORMS", "judge", "right_service", "sample"]

FAKE = FakeEmbedder()
FORMS = ("http://{}/v1/embeddings", "ollama:{}", "tei:{}")


def right_service() -> Service:
    """Return a service that fulfils the contract."""
    return Service(FAKE.encode, FAKE.tokenize, FAKE.encode_ids)


def sample(seed: int) -> list[str]:
    """Return 48 of the gate's texts to which the fake embedder gives different vectors."""
    known = texts().of_kind("word", "sentence", "script")
    order = np.random.default_rng(seed).permutation(len(known))
    return distinct_texts([known[row] for row in order], FAKE.tokenize)


@cache
def thresholds() -> dict[str, Threshold]:
    """Read the thresholds of the contract for servers."""
    found = thresholds_of("any", hashes(sets()), OWN, "float32")
    names = {check_name(name) for name in endpoint_tests()}
    return {check: threshold for check, threshold in found.items() if check in names}


class Model(Protocol):
    """The part of a model that the judge has: its tokenizer."""

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """Return token ids, truncated at the token limit."""


def judge(
    place: str,
    *,
    form: str = FORMS[0],
    seed: int = 0,
    only: Collection[str] = (),
    timeout: float = 60,
    model: Model = FAKE,
    limit: int = FAKE.limit,
) -> Gate:
    """Judge the server at the address by its contract. timeout: the seconds allowed for a request."""

    def opened() -> Client:
        return open_client(form.format(place), "model", timeout=timeout)

    gate = Gate("model", thresholds())
    with closing(opened()) as client:
        run_endpoint_gate(Endpoint(client, opened, model.tokenize, limit, sample(seed)), gate, only)
    return gate
