"""Texts of one topic are closer together than texts of two topics.

These checks need vectors only, so they also judge recorded vectors. Cohesion alone would reward a collapsed
model, because equal vectors have the best cohesion of all. So it must match the reference implementation, and
other checks measure how well the vectors separate topics.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from embedding_gate.checks.test_parity import require_parity
from embedding_gate.data.labelled import Topics
from embedding_gate.metrics import resampling
from embedding_gate.metrics import similarity as sim
from embedding_gate.subjects.embedded import Embedded
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]
SAME_VECTOR = 1e-4  # 1 - cosine
TOO_FEW = "too few texts: even perfect vectors would not be surely better than chance"
NO_MEASURE = "the baseline is itself no better than chance on these texts: take others, or --baseline=none"


def test_mean_norm(topics: Embedded[Topics], gate: Gate) -> None:
    """The vectors' lengths have mean 1 and hardly vary, outliers included."""
    gate.require(sim.mean_norm_error(topics.vectors[0]))


def test_distinctness(topics: Embedded[Topics], gate: Gate) -> None:
    """No two texts have the same vector, except texts with the same tokens."""
    texts = topics.labelled.texts
    shared = sim.shared_vectors(topics.vectors[0], [sim.folded(text) for text in texts], SAME_VECTOR)
    if shared.any() and topics.tokenize is not None:
        ids = topics.tokenize(texts).ids
        shared &= sim.shared_vectors(topics.vectors[0], [str(row.tolist()) for row in ids], SAME_VECTOR)
    marked = [topics.labelled.labels[row] for row in np.flatnonzero(shared)]
    gate.require(len(marked), evidence=f"texts: {', '.join(marked[:3])}")


def require_figure(
    topics: Embedded[Topics], gate: Gate, figure: Callable[..., Mapping[str, float] | float]
) -> None:
    """Judge a figure of vectors (N, D) and their categories by the thresholds of the model on these texts."""
    found = figure(topics.vectors[0], topics.labelled.categories)
    gate.require_calibrated(found, fixture=topics.labelled.sha256)


def test_topics_parity(topics: Embedded[Topics], gate: Gate) -> None:
    """Every component of these texts' vectors agrees with the golden."""
    require_parity(topics, gate, topics.labelled.labels)


def test_category_similarity(topics: Embedded[Topics], gate: Gate) -> None:
    """Within each topic, the texts are as similar as the reference implementation finds them."""
    require_figure(topics, gate, sim.intra_category_similarities)


def test_cohesion(topics: Embedded[Topics], gate: Gate) -> None:
    """The mean similarity within topics is what the reference implementation finds."""
    require_figure(topics, gate, sim.cohesion)


def test_anisotropy(topics: Embedded[Topics], gate: Gate) -> None:
    """The vectors do not concentrate in one direction."""
    require_figure(topics, gate, lambda vectors, _: sim.anisotropy(vectors))


def test_separation(topics: Embedded[Topics], gate: Gate) -> None:
    """Texts of one topic are more similar than texts of two topics, on average."""
    require_figure(topics, gate, sim.separation)


def test_topic_auc(topics: Embedded[Topics], gate: Gate) -> None:
    """A pair of texts from one topic mostly has a higher cosine than a pair from two topics."""
    require_figure(topics, gate, sim.topic_auc)


def test_nearest_neighbour(topics: Embedded[Topics], gate: Gate) -> None:
    """A text's nearest neighbour mostly has its topic."""
    require_figure(topics, gate, lambda *given: float(sim.nearest_neighbour_hits(*given).mean()))


def test_topics_by_chance(topics: Embedded[Topics], gate: Gate) -> None:
    """If the topics are shuffled, they hardly ever fit the vectors as well (p of a permutation test)."""
    if resampling.least_p_of_topics(topics.labelled.categories) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    return gate.require(resampling.chance_of_topics(topics.vectors[0], topics.labelled.categories))


def test_texts_by_chance(topics: Embedded[Topics], gate: Gate) -> None:
    """If vectors are exchanged within a topic, they hardly ever fit the baseline as well (Mantel test)."""
    if topics.baseline is None:
        return gate.not_applicable(topics.no_baseline)
    categories, baseline = topics.labelled.categories, topics.baseline_vectors[0]
    if resampling.least_p_of_texts(categories) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    found = resampling.chance_of_texts(topics.vectors[0], baseline, categories)
    whole = found.pop("")
    # A single topic has few texts, so its agreement may be ten times as likely by chance.
    worst = max(found, key=found.__getitem__, default="")
    evidence = f"in {worst}" if found.get(worst, 0) / 10 > whole else "over all topics"
    return gate.require(max(whole, *(p / 10 for p in found.values())), evidence=evidence)


def test_topics_beside_baseline(topics: Embedded[Topics], gate: Gate) -> None:
    """Topic AUC and nearest neighbour are not surely lower than the baseline's on the same texts."""
    if topics.baseline is None:
        return gate.not_applicable(topics.no_baseline)
    if resampling.least_p_of_topics(topics.labelled.categories) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    categories, baseline = topics.labelled.categories, topics.baseline_vectors[0]
    if not topics.proven and resampling.chance_of_topics(baseline, categories) > resampling.SURE:
        return gate.require(math.nan, evidence=NO_MEASURE)
    worse = {}
    for name, draws in (("topic AUC", resampling.draw_aucs), ("nearest neighbour", resampling.draw_hits)):
        one, other = (draws(vectors, categories) for vectors in (topics.vectors[0], baseline))
        worse[name] = resampling.surely_worse(one, other)
    worst = max(worse, key=lambda name: (np.isnan(worse[name]), worse[name]))
    return gate.require(worse[worst], evidence=f"in {worst}, beside {topics.baseline.name}")
