"""Positions of XLM-RoBERTa and MPNet."""

from typing import Any

import numpy as np

from embeddings.backend import mx
from embeddings.models import layers, mpnet, xlm_roberta
from tests.faults.families.declare import MPNET, XLM_R, fault, harmless
from tests.faults.registry import Patch


def _counted(ids: mx.array, first: int) -> mx.array:
    return mx.broadcast_to(mx.arange(first, first + ids.shape[1]), ids.shape)


@fault(XLM_R, "positions from 0", "sbryngelson/ANEForge#257")
def xlm_roberta_positions(patch: Patch) -> None:
    patch.setattr(xlm_roberta, "fairseq_positions", lambda ids, _: _counted(ids, 0))


@fault(MPNET, "positions from 0", "huggingface/sentence-transformers#3879")
def mpnet_positions(patch: Patch) -> None:
    patch.setattr(mpnet, "fairseq_positions", lambda ids, _: _counted(ids, 0))


@fault(MPNET, "relative position bias left out", "foundation-model-stack/foundation-model-stack#432")
def no_position_bias(patch: Patch) -> None:
    right = mpnet.MPNet.position_bias
    patch.setattr(mpnet.MPNet, "position_bias", lambda self, length: 0 * right(self, length))


@fault(MPNET, "relative positions mirrored")
def mirrored_buckets(patch: Patch) -> None:
    right = mpnet.buckets
    patch.setattr(mpnet, "buckets", lambda distances: right(-distances))


@fault(MPNET, "single distances only, far ones share a bucket")
def clipped_buckets(patch: Patch) -> None:
    patch.setattr(mpnet, "buckets", lambda steps: np.where(steps > 0, 16, 0) + np.minimum(np.abs(steps), 15))


@fault(MPNET, "position bias scaled with the scores")
def scaled_bias(patch: Patch) -> None:
    right = layers.attention

    def attention(*parts: mx.array, scale: float, mask: mx.array) -> mx.array:
        return right(*parts, scale=scale, mask=mask * scale)

    patch.setattr(mpnet, "attention", attention)


@harmless(MPNET, "buckets by thresholds")
def buckets_by_thresholds(patch: Patch) -> None:
    borders = [*range(1, 9), 12, 16, 23, 32, 46, 64, 91]

    def buckets(distances: Any) -> Any:
        return np.where(distances > 0, 16, 0) + np.searchsorted(borders, np.abs(distances), side="right")

    patch.setattr(mpnet, "buckets", buckets)
