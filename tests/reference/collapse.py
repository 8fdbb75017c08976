"""What a harness of the usual kind rewards: ``make collapse``.

The same weights and texts, pooled rightly and wrongly, with the two figures that such harnesses look
at: the mean norm and the cohesion, the mean over categories of the mean cosine between two different
texts of a category.
"""

import json
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

import embeddings
from tests.faults.catalogue import injected
from tests.harness import FIXTURES

POOLED = {
    "mean of the real tokens (right)": "",
    "first token": "first-token pooling",
    "last padded slot": "last slot pooled",
    "one constant vector": "constant vector",
}


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


def main() -> None:
    """Print the table."""
    rows = [json.loads(line) for line in (FIXTURES / "topics.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["category"] != "outlier"]
    texts, categories = [row["text"] for row in rows], [row["category"] for row in rows]
    print(f"{len(texts)} texts of {len(set(categories))} topics")
    print(f"{'vector':<34} {'norm':>6} {'cohesion':>9}")
    for name, fault in POOLED.items():
        with injected(fault):
            vectors = embeddings.load().encode(texts, batch_tokens=1 << 20)
        norm = np.linalg.norm(vectors, axis=1).mean()
        print(f"{name:<34} {norm:>6.3f} {cohesion(vectors, categories):>9.3f}")


if __name__ == "__main__":
    main()
