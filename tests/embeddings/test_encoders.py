"""The families of encoders beside transformers' own classes, on tiny random checkpoints."""

from pathlib import Path
from typing import Any

import pytest

import embeddings
from tests.support.families import ENCODERS, build, differences

LENGTHS = (1, 2, 17, 64, 300, 512)
# The largest difference of a hidden state, as a part of the states' root mean square. Measured below.
ALIKE = 1e-5


def load(folder: Path, name: str, **changes: Any) -> embeddings.Embedder:
    return embeddings.load(build(folder / "model", name, pooling="mean_tokens", **changes))


@pytest.mark.parametrize("name", ENCODERS)
def test_parity(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, name).model
    for length in LENGTHS:
        strays, size = differences(name, model, length)
        assert strays < ALIKE * size, length
