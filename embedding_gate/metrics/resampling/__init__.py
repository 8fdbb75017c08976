"""Resampling, seeded: permutation tests and the paired bootstrap."""

from embedding_gate.metrics.resampling.bootstrap import (
    DRAWS,
    SURE,
    band,
    draw_aucs,
    draw_hits,
    draw_means,
    draw_spearman,
    draw_weights,
    surely_worse,
)
from embedding_gate.metrics.resampling.permutation import (
    PERMUTATIONS,
    chance_of_pairs,
    chance_of_retrieval,
    chance_of_texts,
    chance_of_topics,
    least_p,
    least_p_of_retrieval,
    least_p_of_texts,
    least_p_of_topics,
    p_value,
)
from embedding_gate.metrics.resampling.sampling import (
    SAMPLE,
    sample,
    sample_of_topics,
)

__all__ = [
    "DRAWS",
    "PERMUTATIONS",
    "SAMPLE",
    "SURE",
    "band",
    "chance_of_pairs",
    "chance_of_retrieval",
    "chance_of_texts",
    "chance_of_topics",
    "draw_aucs",
    "draw_hits",
    "draw_means",
    "draw_spearman",
    "draw_weights",
    "least_p",
    "least_p_of_retrieval",
    "least_p_of_texts",
    "least_p_of_topics",
    "p_value",
    "sample",
    "sample_of_topics",
    "surely_worse",
]
