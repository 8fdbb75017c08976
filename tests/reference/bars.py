"""Bars of the semantic checks: ``make bars`` prints them as TOML.

They come from the goldens and nothing else.

For each check: what the independent implementation's vectors give, and the middle 95 % of that when the
texts are drawn anew with replacement. Where more is better the bar is the lower end; where neither more
nor less is better (a broken model may have more cohesion than a right one) it is both ends.

After them: by how much the same model with its weights in fewer bits is surely worse than with all of
them. That of the precisions people use is what the bars "... beside baseline" are set from.
"""

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

import embeddings
from embeddings.blas import mx
from embeddings.catalog import DEFAULT_MODEL
from embeddings.evaluation import resampling
from embeddings.evaluation import similarity as sim
from embeddings.evaluation.embed import embed
from embeddings.evaluation.labelled import Pairs, Topics
from embeddings.evaluation.ranking import spearman
from embeddings.evaluation.retrieval import Retrieval
from embeddings.models import Bert
from tests import harness
from tests.faults import matrix
from tests.quality.test_pairs import cosines
from tests.quality.test_retrieval import ndcg_of

Floats = NDArray[np.float64]
Bar = tuple[
    str, float, Floats, bool, str
]  # check, measured, draws, whether more is better, SHA-256 of the texts

SOURCE = "goldens; 95 % of 1,999 bootstrap samples of the texts (make bars)"


def of_topics(vectors: NDArray[np.float32], topics: Topics) -> Iterator[Bar]:
    """Yield the bars of texts by topic."""
    categories, sha256 = topics.categories, topics.sha256
    weights = resampling.draw_weights(len(categories))
    ones = np.ones(len(categories))
    similarities = partial(sim.intra_category_similarities, vectors, categories)
    drawn = [similarities(row) for row in weights]
    for category, measured in similarities(ones).items():
        draws = np.array([found.get(category, np.nan) for found in drawn])
        yield f"category similarity: {category}", measured, draws, False, sha256
    for name, statistic, more_is_better in (
        ("cohesion", sim.cohesion, False),
        ("separation", sim.separation, True),
    ):
        draws = np.array([statistic(vectors, categories, row) for row in weights])
        yield name, statistic(vectors, categories), draws, more_is_better, sha256
    auc = sim.topic_auc(vectors, categories)
    yield "topic auc", auc, resampling.draw_aucs(vectors, categories), True, sha256
    hits = sim.nearest_neighbour_hits(vectors, categories)
    yield "nearest neighbour", float(hits.mean()), resampling.draw_means(hits), True, sha256
    crowded = np.array([sim.anisotropy(vectors, row) for row in weights])
    yield "anisotropy", sim.anisotropy(vectors), crowded, False, sha256


def of_pairs(vectors: list[NDArray[np.float32]], pairs: Pairs) -> Iterator[Bar]:
    """Yield the bar of graded pairs."""
    found = cosines(vectors)
    yield "pairs", spearman(found, pairs.grades), resampling.draw_spearman(found, pairs), True, pairs.sha256


def of_retrieval(vectors: list[NDArray[np.float32]], retrieval: Retrieval) -> Iterator[Bar]:
    """Yield the bar of a retrieval set."""
    found = ndcg_of(vectors, retrieval)
    yield "retrieval", float(found.mean()), resampling.draw_means(found), True, retrieval.sha256


def all_bars(model: str) -> Iterator[Bar]:
    """Yield every semantic bar of a model that has goldens."""
    golden, sets = matrix.golden_of(model), harness.sets()
    if golden is None:
        sys.exit(f"{model} has no goldens: make golden")
    yield from of_topics(golden.sets[sets.topics.sha256][0], sets.topics)
    for some in (sets, harness.slice_of_sets()):
        yield from of_pairs(golden.sets[some.pairs.sha256], some.pairs)
        yield from of_retrieval(golden.sets[some.retrieval.sha256], some.retrieval)


def in_bits(weight: mx.array, bits: int) -> mx.array:
    """Round a matrix to so many bits in groups of 64, as mlx-lm quantizes; 16 is bfloat16."""
    if bits == 16:
        return weight.astype(mx.bfloat16).astype(mx.float32)
    if weight.ndim != 2 or weight.shape[1] % 64:
        return weight
    packed = mx.quantize(weight, group_size=64, bits=bits)
    return mx.dequantize(*packed, group_size=64, bits=bits)


def print_precisions() -> None:
    """Print by how much each precision is surely worse than float32, and on what."""
    sets = harness.sets()
    right: dict[str, Floats] = {}
    print("# surely worse than float32:")
    for bits in (32, 16, 8, 6, 4, 3, 2):
        encoder = embeddings.load()
        if bits < 32:
            assert isinstance(encoder.model, Bert)
            weights = encoder.model.weights
            encoder.model.weights = {name: in_bits(weight, bits) for name, weight in weights.items()}
        topics, pairs, retrieval = (embed(encoder, one) for one in (sets.topics, sets.pairs, sets.retrieval))
        draws = {
            "topic AUC": resampling.draw_aucs(topics[0], sets.topics.categories),
            "nearest neighbour": resampling.draw_hits(topics[0], sets.topics.categories),
            "Spearman": resampling.draw_spearman(cosines(pairs), sets.pairs),
            "nDCG@10": resampling.draw_means(ndcg_of(retrieval, sets.retrieval)),
        }
        right = right or draws
        worse = {name: resampling.surely_worse(drawn, right[name]) for name, drawn in draws.items()}
        print(f"# {bits:>2} bits: " + ", ".join(f"{name} {value:.4f}" for name, value in worse.items()))


def main() -> None:
    """Print the bars."""
    for check, measured, draws, more_is_better, fixture in all_bars(DEFAULT_MODEL):
        low, high = resampling.band(draws[np.isfinite(draws)])
        print(f'[[bar]]\ncheck = "{check}"\nmodel = "{DEFAULT_MODEL}"\nat_least = {low:.4g}')
        print("" if more_is_better else f"at_most = {high:.4g}\n", end="")
        print(f"measured = {measured:.6g}\nband = [{low:.4g}, {high:.4g}]")
        print(f'source = "{SOURCE}"\nfixture = "{fixture}"\n')
    print_precisions()


if __name__ == "__main__":
    main()
