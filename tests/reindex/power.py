"""How often a planted loss of nDCG@10 is called *re-index*: ``python -m tests.reindex.power``.

The queries are the embedded model's goldens, each moved a little at random: a population of 20,000. New
queries are old ones with noise, of the size at which the population loses a given nDCG@10 over old passages.
Each case draws some queries and asks the rule of the verdict: the paired bootstrap, with the margin of
fixtures/reindex.toml.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics import resampling
from embedding_gate.metrics.ranking import ideal_dcg
from embedding_gate.own_files import golden, sets
from embedding_gate.reindex.limits import limits

__all__ = ["CASES", "called", "losses_of", "population"]

POPULATION, CASES = 20_000, 200
QUERIES = (60, 500, 5_000)
LOSSES = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
MOVED = 0.01  # a component, standard deviation, of each query of the population
Floats = NDArray[np.float64]


def unit(vectors: Floats) -> Floats:
    """Divide each vector by its length."""
    return np.asarray(vectors / np.sqrt(np.square(vectors).sum(axis=1))[:, None])


def population(draw: np.random.Generator, count: int) -> tuple[NDArray[np.int64], Floats, Floats, Retrieval]:
    """Return which query each of the population is, its vector (N, D), and the passages (P, D)."""
    retrieval, known = sets().retrieval, golden("all-MiniLM-L6-v2")
    assert known is not None
    queries, passages = (of.astype(np.float64) for of in known.sets[retrieval.sha256])
    of = draw.integers(len(queries), size=count)
    return of, unit(queries[of] + MOVED * draw.normal(size=(count, queries.shape[1]))), passages, retrieval


def ndcg_of(of: NDArray[np.int64], queries: Floats, passages: Floats, retrieval: Retrieval) -> Floats:
    """Return the nDCG@10 (N,) of each query of the population."""
    scores, ideal = queries @ passages.T, ideal_dcg(retrieval, 10)
    found = np.zeros(len(of))
    judged = zip(retrieval.query_rows, retrieval.passage_rows, retrieval.gains, strict=True)
    for query, passage, gain in judged:
        rows = of == query
        rank = 1 + (scores[rows] > scores[rows, passage][:, None]).sum(axis=1)
        found[rows] += gain * np.where(rank <= 10, 1 / np.log2(rank + 1), 0) / ideal[query]
    return found


def losses_of(draw: np.random.Generator, count: int) -> dict[float, Floats]:
    """Return what each query of the population loses (N,), for each loss of the mean."""
    of, old, passages, retrieval = population(draw, count)
    before, noise = ndcg_of(of, old, passages, retrieval), draw.normal(size=old.shape)

    def lost(size: float) -> Floats:
        return before - ndcg_of(of, unit(old + size * noise), passages, retrieval)

    found = {}
    for loss in LOSSES:
        low, high = 0.0, 0.2
        for _ in range(12 if loss else 0):  # a bisection: more noise loses more
            middle = (low + high) / 2
            low, high = (middle, high) if lost(middle).mean() < loss else (low, middle)
        found[loss] = lost(low)
    return found


def called(lost: Floats, queries: int, cases: int, draw: np.random.Generator) -> int:
    """Count the cases that are called re-index. lost: (N,) of the population."""
    chosen = lost[draw.integers(len(lost), size=(queries, cases))]
    rows = resampling.sample(queries)
    means = resampling.draw_weights(len(rows)) @ chosen[rows] / len(rows)
    surely = [resampling.surely_worse(np.zeros(len(of)), of) for of in means.T]
    return int((np.array(surely) > limits().margin.at_most).sum())


def main() -> None:
    """Print the table."""
    draw = np.random.default_rng(0)
    lost = losses_of(draw, POPULATION)
    print("| mean loss of nDCG@10 | " + " | ".join(f"{count:,} queries" for count in QUERIES) + " |")
    print("|---" * (len(QUERIES) + 1) + "|")
    for loss, of in lost.items():
        cells = []
        for found in map(partial(called, of, cases=CASES, draw=draw), QUERIES):
            low, high = binomtest(found, CASES).proportion_ci(0.95, "exact")
            cells.append(f"{found / CASES:.1%} ({low:.1%} to {high:.1%})")
        print(f"| {loss:g} (is {of.mean():.4f}) | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
