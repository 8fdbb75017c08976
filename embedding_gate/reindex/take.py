"""Takes a snapshot: encodes the canaries. Or looks at a few of them, if no more is needed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import InputError
from embedding_gate.reindex.canaries import Canaries
from embedding_gate.reindex.identity import Identity
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.verdict import ARITHMETIC, NOTHING, Verdict
from embedding_gate.subjects.embedded import embed_part

__all__ = ["canaries_for", "look", "take"]

FEW = 8  # texts of each part that a look encodes
OPTIONS = {"topics": "--topics", "pairs": "--sts", "retrieval": "--retrieval"}


def take(name: str, encoder: Any, canaries: Canaries, **identity: Any) -> Snapshot:
    """Encode the texts of all parts, each with the prompt of its role.

    name: of the model. encoder: see subjects/protocols.py; it needs no more than ``encode``, ``dimension``
    and ``prompts``. identity: what is known of it (see Identity).

    Raises:
        SubjectError: the subject gives no vectors.

    """
    vectors: Mapping[str, NDArray[np.float32]] = {
        part: embed_part(encoder, of) for part, of in canaries.parts.items()
    }
    return Snapshot(name, Identity(dimensions=encoder.dimension, **identity), canaries, vectors)


def canaries_for(old: Snapshot, given: Callable[[], Canaries]) -> Canaries:
    """Return the texts of a snapshot: those in its file, or those of the run if they have the same hash.

    Raises:
        InputError: the snapshot has the hash of other texts.

    """
    if not old.canaries.own:
        return old.canaries
    now = given()
    others = [name for name, sha256 in old.canaries.hashes.items() if now.hashes.get(name) != sha256]
    if others:
        what = f"was taken of other {' and '.join(others)} than those of this run"
        hint = f"give the same {', '.join(OPTIONS.get(name, name) for name in others)}, or take it again"
        raise InputError("the snapshot", what, hint=hint)
    return now


def look(old: Snapshot, encoder: Any, canaries: Canaries) -> Verdict | None:
    """Encode a few texts of each part. Return a verdict if they are as they were, and None if more is needed.

    Raises:
        SubjectError: the subject gives no vectors.

    """
    if encoder.dimension != old.identity.dimensions:
        return None
    one, other = [], []
    for name, part in canaries.parts.items():
        chosen = sorted(set(np.linspace(0, part.count - 1, FEW).astype(int).tolist()))
        texts = [text for row, text in enumerate(part.texts) if row in chosen]
        one.append(old.vectors[name][chosen])
        other.append(embed_part(encoder, replace(part, texts=texts, count=len(texts))))
    before, after = np.concatenate(one), np.concatenate(other)
    largest, limit = float(np.abs(after - before).max()), limits().same_of(old.identity.dtype)
    if before.tobytes() == after.tobytes():
        return Verdict("identical", NOTHING, len(before), 0.0, limit)
    return Verdict("same", ARITHMETIC, len(before), largest, limit) if largest <= limit else None
