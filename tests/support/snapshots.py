"""Snapshots of the embedded model, from its goldens: nothing is encoded."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.own_files import OWN, golden, own_texts
from embedding_gate.reindex.canaries import canaries_of
from embedding_gate.reindex.identity import Identity
from embedding_gate.reindex.snapshot import Snapshot

__all__ = ["MODEL", "TINY", "changed", "old", "unit_rows"]

MODEL, TINY = "all-MiniLM-L6-v2", "tiny-qwen3"
Vectors = NDArray[np.float32]


@cache
def old(model: str = MODEL) -> Snapshot:
    """Return the snapshot of a model's goldens."""
    texts, sets, own = own_texts(OWN)
    canaries, known = canaries_of(texts, sets, own), golden(model)
    assert known is not None
    of = dict(zip(texts.ids, known.vectors, strict=True))
    parts = [part for labelled in sets.all for part in known.sets[labelled.sha256]]
    vectors = [np.stack([of[name] for name in canaries.texts.ids]), *parts]
    found = dict(zip(canaries.parts, vectors, strict=True))
    return Snapshot(model, Identity(found["texts"].shape[1], dtype="float32"), canaries, found)


def changed(change: Callable[[Vectors], NDArray[Any]], of: Snapshot | None = None) -> Snapshot:
    """Return a snapshot whose vectors are changed: all parts in one array, in their order."""
    of = of or old()
    ends = np.cumsum([len(part) for part in of.vectors.values()])[:-1]
    found = np.asarray(change(np.concatenate(list(of.vectors.values()))), dtype=np.float32)
    vectors = dict(zip(of.vectors, np.split(found, ends), strict=True))
    return replace(of, vectors=vectors, identity=Identity(found.shape[1], dtype="float32"))


def unit_rows(vectors: NDArray[Any]) -> NDArray[Any]:
    """Scale vectors to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
