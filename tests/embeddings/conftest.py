"""These tests run in plain surroundings, and share Qwen's tokenizer, which takes a while to make."""

import pytest
from tokenizers import Tokenizer

from embeddings.synthetic import config_of
from embeddings.synthetic.qwen_tokenizer import find_ranks, make_tokenizer, read_ranks
from tests.support.plain_surroundings import plain_surroundings, pytest_make_collect_report

__all__ = ["plain_surroundings", "pytest_make_collect_report"]


@pytest.fixture(scope="session")
def ranks() -> dict[bytes, int]:
    """Return the rank of each token of Qwen's vocabulary."""
    return read_ranks(find_ranks())


@pytest.fixture(scope="session")
def tokenizer(ranks: dict[bytes, int]) -> Tokenizer:
    """Return Qwen's tokenizer, made from its ranks."""
    return make_tokenizer(ranks, config_of("synthetic:qwen3-embedding-0.6b")["vocab_size"])
