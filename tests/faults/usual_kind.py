"""A gate of the usual kind, for comparison: vectors have length 1, texts of a topic are similar.

It is made as strong as it can be, because its thresholds are set for the model and the texts that it judges.
Usual harnesses take one number for all models. Here the texts are resampled, and the goldens' vectors give a
distribution of each category's similarity and of the cohesion. A model must reach the lower end of its middle
95 %. The threshold of the lengths is the published one.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embedding_gate import own_files
from embedding_gate.calibrate import of_topics
from embedding_gate.data.labelled import Topics
from embedding_gate.metrics import resampling
from embedding_gate.metrics import similarity as sim
from embedding_gate.subjects.embedded import embed
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.thresholds import Threshold, Verdict

__all__ = ["judge"]

NORM = 0.002


def judge(subject: Subject) -> tuple[Verdict, ...]:
    """Return the verdicts of such a gate on the subject. A model without goldens gets none."""
    topics = subject.sets.topics
    if subject.golden is None:
        return ()
    try:
        vectors = (embed(subject.encoder, topics) if subject.random else subject.topics.vectors)[0]
        if vectors.shape != (len(topics.texts), subject.encoder.dimension):
            raise ValueError(f"{vectors.shape} vectors")
    except Exception as error:  # noqa: BLE001  (a crash fails a harness of any kind)
        return (Verdict("no vectors", np.nan, "vectors", 0.0, "ERROR", str(error)),)
    return tuple(_verdicts(vectors, topics, thresholds_of(subject.name)))


@cache
def thresholds_of(model: str) -> dict[str, Threshold]:
    """Return the thresholds of such a gate for a model that has goldens: check -> threshold."""
    golden, topics = own_files.golden(model), own_files.sets().topics
    assert golden is not None
    thresholds = {"norm": Threshold("norm", model, NORM, "published", at_most=NORM)}
    for check, measured, draws, *_ in of_topics(golden.sets[topics.sha256][0], topics):
        if check.startswith(("category similarity", "cohesion")):
            low, _ = resampling.band(draws[np.isfinite(draws)])
            thresholds[check] = Threshold(check, model, measured, "goldens", at_least=low)
    return thresholds


def _verdicts(
    vectors: NDArray[np.float32], topics: Topics, thresholds: dict[str, Threshold]
) -> Iterator[Verdict]:
    yield thresholds["norm"].judge(sim.mean_norm_error(vectors))
    for category, found in sim.intra_category_similarities(vectors, topics.categories).items():
        yield thresholds[f"category similarity: {category}"].judge(found)
    yield thresholds["cohesion"].judge(sim.cohesion(vectors, topics.categories))
