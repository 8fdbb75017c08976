"""What a harness of the usual kind rewards: ``make collapse``.

The same weights and texts, pooled rightly and wrongly, with the two figures that such harnesses look
at: the mean norm and the cohesion, the mean over categories of the mean cosine between two different
texts of a category.
"""

import json
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import embeddings
from embeddings import embedder
from embeddings.blas import mx
from embeddings.pooling import first_token, mean
from tests.harness import FIXTURES


def cohesion(vectors: NDArray[np.floating], categories: list[str]) -> float:
    """Average the categories' mean off-diagonal cosines: (N, D) unit vectors, N names."""
    rows = defaultdict(list)
    for row, category in enumerate(categories):
        rows[category].append(row)
    scores = []
    for members in rows.values():
        cosines = vectors[members] @ vectors[members].T
        count = len(members)
        scores.append((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
    return float(np.mean(scores))


def pooled(
    model: embeddings.Embedder, texts: list[str], pool: Callable[..., mx.array]
) -> NDArray[np.float32]:
    """Encode in one padded batch with that pooling."""
    right = embedder.POOLINGS
    embedder.POOLINGS = {"mean": pool}  # type: ignore[misc]
    try:
        return model.encode(texts, batch_tokens=1 << 20)
    finally:
        embedder.POOLINGS = right  # type: ignore[misc]


def main() -> None:
    """Print the table."""
    rows = [json.loads(line) for line in (FIXTURES / "topics.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["category"] != "outlier"]
    texts, categories = [row["text"] for row in rows], [row["category"] for row in rows]
    model = embeddings.load()
    found = {
        "mean of the real tokens (right)": pooled(model, texts, mean),
        "first token": pooled(model, texts, first_token),
        "last padded slot": pooled(model, texts, lambda hidden, _: hidden[:, -1]),
    }
    constant = np.full((len(texts), model.dimension), model.dimension**-0.5, dtype=np.float32)
    found["one constant vector"] = constant
    print(f"{len(texts)} texts of {len(set(categories))} topics\n{'vector':<34} {'norm':>6} {'cohesion':>9}")
    for name, vectors in found.items():
        print(
            f"{name:<34} {np.linalg.norm(vectors, axis=1).mean():>6.3f} {cohesion(vectors, categories):>9.3f}"
        )


if __name__ == "__main__":
    main()
