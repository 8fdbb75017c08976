"""The model agrees with the figures that others published of it. No reference implementation is needed."""

from collections.abc import Sequence
from math import inf, isnan

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.anchors import Anchors, Role, anchors_of
from embedding_gate.metrics.agreement import agreements
from embedding_gate.own_files import ANCHORS
from embedding_gate.subjects.live import BOTH_WAYS, Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
PROMPTS: dict[Role, tuple[str, ...]] = {  # as in sentence-transformers: the first that a model has is used
    "": (),
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}


def test_published_agreement(subject: Subject, gate: Gate) -> None:
    """Each published cosine and vector is the model's own, within the precision that it was published in."""
    anchors, rounded = anchors_of(ANCHORS, subject.name)
    if anchors is None:
        return gate.not_applicable("no figures that others published are known of a model of this name")
    if subject.recipe in BOTH_WAYS:
        return gate.not_applicable("the figures are of the recipe that the model was trained with")
    if subject.quantized:
        return gate.not_applicable(
            f"is quantized, and the figures are of the full weights of {anchors.model}"
        )
    if what := _mismatch(subject, anchors):
        return gate.require(inf, evidence=f"its name is that of {anchors.model}, but {what}")
    found = agreements(anchors, lambda texts, role: _encode(subject, texts, role), subject.precision, rounded)
    right = [one for one in found if not one.wrong]
    worst = max(right, key=lambda one: (isnan(one.ratio), one.ratio))
    return gate.require(worst.ratio, evidence=f"worst of {len(right)} figures: {worst}")


def _mismatch(subject: Subject, anchors: Anchors) -> str:
    """Say in what the model is not the one of the anchors, by its config.json and its vectors, or ""."""
    width = subject.encoder.dimension
    if anchors.width and width != anchors.width:
        return f"its vectors have {width} components, not {anchors.width}"
    for key, expected in anchors.shape.items():
        if subject.config.get(key) != expected:
            return f"config.json says {key} = {subject.config.get(key)!r}, not {expected!r}"
    return ""


def _encode(subject: Subject, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
    """Encode texts: (N, D), by the model's prompt for the role; for no role, without any prompt."""
    prompt = next((name for name in PROMPTS[role] if name in subject.encoder.prompts), None)
    if not role and not subject.claimant:  # the library could have a default prompt, which it sets elsewhere
        return subject.encoder.encode(texts, prompt="")
    return subject.encoder.encode(texts, prompt_name=prompt)
