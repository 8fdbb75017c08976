"""The model that the judged one was fine-tuned or quantized from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.goldens import Texts
from embedding_gate.metrics.drift import Drift, drift
from embedding_gate.subjects.embedded import Baseline
from embedding_gate.subjects.live import Subject

__all__ = ["NOT_WORSE", "Origin"]

NOT_WORSE = "not worse"  # the check that judges it


@dataclass
class Origin:
    """The model that the judged one was made from.

    model: gives the vectors that the judged ones are compared with: goldens, or what the library computes.
    texts: the texts that its goldens are of.
    declared: a line for each difference between what the two folders declare.
    same: whether the judged model has the same files, and is run in the same way.
    drift: how far the judged vectors lie from its own; None before they are compared.
    """

    model: Baseline
    texts: Texts
    declared: tuple[str, ...]
    same: bool = False
    drift: Drift | None = None

    def compare(self, subject: Subject) -> Drift:
        """Compare the judged vectors with those of the origin."""
        if self.drift is None:
            sets, own = subject.sets, (subject.topics, subject.pairs, subject.retrieval)
            self.drift = drift(
                [part for of in sets.all for part in self.model.embed(of)],
                [part for of in own for part in of.vectors],
                sets,
                ids=subject.texts.ids,
                of_texts=(self._vectors_of(subject.texts), subject.vectors),
            )
        return self.drift

    def _vectors_of(self, texts: Texts) -> NDArray[np.float32]:
        """Return the vectors (N, D) of some of the gate's texts."""
        if self.model.golden is None:
            return self.model.encoder.encode(texts.texts)
        known = dict(zip(self.texts.texts, self.model.golden.vectors, strict=True))
        return np.stack([known[text] for text in texts.texts])

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        found = self.drift.as_data() if self.drift else None
        return {
            "source": self.model.source,
            "same": self.same,
            "declared": list(self.declared),
            "drift": found,
        }

    def lines(self) -> list[str]:
        """Return what the reader of the table should know."""
        if self.same:
            return [f"  beside its origin {self.model.source}: the same model, bit for bit"]
        differs = [f"declared: {line}" for line in self.declared] or ["declared: nothing differs"]
        found = self.drift.lines() if self.drift else []
        texts = f", {self.drift.texts:,} texts" if self.drift else ""
        head = f"  beside its origin {self.model.source} ({self.model.trust}){texts}:"
        return [head, *(f"    {line}" for line in (*found, *differs))]
