"""A gate of the usual kind, to stand beside this one: lengths near 1, texts of a topic similar enough.

As generous as it can be made: its thresholds belong to the very model and texts. A category's similarity and
the cohesion must reach the lower end of the middle 95 % that the goldens' vectors give when the texts are
drawn anew, where harnesses of this kind take one number for all models. The lengths' threshold is the
published one.
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
    """Return the verdicts of such a gate on the library as it is; none of a model without goldens."""
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
    """Return its thresholds for a model that has goldens: check -> threshold."""
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
