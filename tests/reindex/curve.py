"""What fixtures/reindex.toml is set from: ``python -m tests.reindex.curve``, on recorded vectors."""

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.similarity import unit
from tests.reindex.confusions import recorded
from tests.reindex.record import MODELS
from tests.reindex.worlds import WORLDS

__all__ = ["figures"]

HEADER = ("model", "variant", "1 - cosine", "spread", "common", "common of old", "aligned", "products")
ROWS = 500


def figures(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, ...]:
    """Measure a drift: (N, D) and (N, D). The head of fixtures/reindex.toml says what each figure is for."""
    old, new = unit(old), unit(new)
    moved = new - old
    sizes = np.linalg.norm(moved, axis=1)
    low, high = np.quantile(sizes, [0.05, 0.95])
    cosines = old @ new.T
    own = np.diagonal(cosines).mean()
    others = (cosines.sum() - np.diagonal(cosines).sum()) / (cosines.size - len(old))
    one, other = (of[:ROWS] - of[:ROWS].mean(axis=0) for of in (old, new))
    products = np.square(one @ one.T - other @ other.T).mean() / np.square(other - one).sum(axis=1).mean()
    return (
        float(np.median(np.square(sizes)) / 2),
        float(high / low),
        common(moved),
        common(old),
        float((own - others) / (1 - others)),
        float(np.sqrt(products)),
    )


def common(vectors: NDArray[np.float64]) -> float:
    """Return the share of the squares that the mean has."""
    return float(len(vectors) * np.square(vectors.mean(axis=0)).sum() / np.square(vectors).sum())


def main() -> None:
    """Print the mean of each figure over the worlds."""
    print("| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|", sep="\n")
    for model in MODELS:
        worlds = [recorded(model, number) for number in range(WORLDS)]
        found = {
            name: np.mean([figures(of["base"], of[name]) for of in worlds], axis=0)
            for name in worlds[0]
            if name not in ("base", "other batches")
        }
        draw = np.random.default_rng(0)
        found["texts exchanged"] = np.mean(
            [figures(of["base"], draw.permutation(of["base"])) for of in worlds], axis=0
        )
        for name, values in found.items():
            print(f"| {model} | {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |")


if __name__ == "__main__":
    main()
