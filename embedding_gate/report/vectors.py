"""What the record says of the vectors of texts by topic: figures, cosines, and a map in three dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import Topics
from embedding_gate.metrics import similarity as sim
from embedding_gate.metrics.differences import norm_error

__all__ = ["NOTHING", "SHOWN", "measured_of"]

SHOWN = 200  # texts at most in heat map and map: 200 x 200 cosines take 240 kB
# of a run in which no check asked for these vectors
NOTHING: Mapping[str, Any] = {
    "dimension": None,
    "quality": None,
    "similarities": {},
    "texts": [],
    "cosines": [],
    "map": [],
}


def measured_of(vectors: NDArray[np.float32], topics: Topics) -> dict[str, Any]:
    """Measure vectors (N, D) of texts by topic.

    Of more than SHOWN texts every so-manieth of each category is shown; the figures are of all of them.
    """
    categories = topics.categories
    with np.errstate(all="ignore"):  # a NaN is shown as missing; the gate has judged it
        rows = shown_rows(categories)
        return {
            "dimension": vectors.shape[1],
            "quality": _quality(vectors, categories),
            "similarities": sim.intra_category_similarities(vectors, categories),
            "texts": [{"category": categories[row], "text": topics.texts[row]} for row in rows],
            "cosines": _cosines(vectors[rows]),
            "map": principal_components(vectors[rows]),
        }


def shown_rows(categories: Sequence[str], at_most: int = SHOWN) -> list[int]:
    """Return the rows that are shown, category by category in the order in which these first appear."""
    names = list(dict.fromkeys(categories))
    rows = sorted(range(len(categories)), key=lambda row: (names.index(categories[row]), row))
    step = max(len(rows) / at_most, 1.0)
    return [rows[int(place)] for place in np.arange(0, len(rows), step)][:at_most]


def _quality(vectors: NDArray[np.float32], categories: Sequence[str]) -> dict[str, float]:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    hits = sim.nearest_neighbour_hits(vectors, categories)
    return {
        "norm_mean": float(lengths.mean()),
        "norm_deviation": float(lengths.std()),
        "norm_worst": float(norm_error(vectors).max()),
        "cohesion": sim.cohesion(vectors, categories),
        "inter": sim.inter_category_similarity(vectors, categories),
        "separation": sim.separation(vectors, categories),
        "neighbour_accuracy": float(hits.mean()) if len(hits) else float("nan"),
        "anisotropy": sim.anisotropy(vectors),
        "topic_auc": sim.topic_auc(vectors, categories),
    }


def _cosines(vectors: NDArray[np.float32]) -> list[list[float]]:
    units = sim.unit(vectors)
    # 0.0 added, so that no cell reads -0.0
    return [[round(cosine, 3) + 0.0 for cosine in row] for row in (units @ units.T).tolist()]


def principal_components(vectors: NDArray[np.float32]) -> list[list[float]]:
    """Return the first three principal components (N, 3) of vectors (N, D), scaled to length 1 before.

    The sign of each is such that its largest value is positive; none where a vector is not finite.
    """
    units = sim.unit(vectors)
    if not np.isfinite(units).all():
        return []
    left, scales, _ = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    places = np.zeros((len(units), 3))
    places[:, : scales[:3].size] = (left * scales)[:, :3]
    largest = places[np.abs(places).argmax(axis=0), range(3)]
    return [[round(x, 4) + 0.0 for x in row] for row in (places * np.where(largest < 0, -1, 1)).tolist()]
