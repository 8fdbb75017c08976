"""Short texts whose vectors are known, and what a call of any shape must give them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.subjects.calls import Call
from embedding_gate.subjects.protocols import Encoder

__all__ = ["WIDE", "Probe"]

WIDE = 1 << 20  # a token budget that makes one batch of all texts
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PREFIX = ("prompt_name", "prompt", "instruction")  # options that decide what is set before a text
HINTS = {"batch_tokens": "batch", "show_progress_bar": "progress bar", "cache": "cache"}


class Probe:
    """An encoder, asked in calls of all shapes for texts of one token and of a few.

    Each text is first encoded alone, whole and with its own length if that is offered. What all other calls
    must give follows from that by arithmetic.
    """

    def __init__(self, encoder: Encoder, offers: frozenset[str], refusal: type[Exception]) -> None:
        self.encoder, self.offers, self.refusal = encoder, offers, refusal
        self.is_small = "small model" in offers
        self.texts = list(LETTERS)  # of one token each
        self.mixed = [*LETTERS[:6], "g h", "i j k", "l m n o p", "q r s t u v w x"]
        self._alone: dict[tuple[str, ...], NDArray[np.float64]] = {}

    def most(self, wanted: int, of_the_judged: int) -> int:
        """Return how many to ask for: those wanted, or fewer where there is no small model to ask."""
        return wanted if self.is_small else min(wanted, of_the_judged)

    def ask(self, call: Call) -> NDArray[np.float32]:
        """Make a call: (N, D). Options that change no vector are left out where they are not offered."""
        given = {
            name: value
            for name, value in call.options.items()
            if name not in HINTS or HINTS[name] in self.offers
        }
        return self.encoder.encode(list(call.texts), **given)

    def difference(self, call: Call) -> float:
        """Make a call, and return the largest difference of a component from what it must be.

        It is relative to the length of the whole vector: what cutting keeps of a vector is scaled up, and so
        is what rounding did to it.
        """
        return self.differs(call, self.ask(call))

    def differs(self, call: Call, found: NDArray[np.float32]) -> float:
        """Return the same for vectors (N, D) that a call gave."""
        whole = self.known(call.texts, call.options)
        kept = whole[:, : call.options.get("truncate_dim") or whole.shape[1]]
        unit = np.linalg.norm(kept, axis=1, keepdims=True)
        scaled = call.options.get("normalize_embeddings", True)
        expected = kept / unit if scaled else kept
        if found.shape != expected.shape:
            return np.inf
        lengths = np.linalg.norm(whole, axis=1, keepdims=True)
        errors = np.abs(found - expected) * (unit if scaled else 1) / lengths
        return float(errors.max())

    def known(
        self, texts: Sequence[str], options: Mapping[str, Any] = MappingProxyType({})
    ) -> NDArray[np.float64]:
        """Return the vectors (N, D) of texts alone, whole, with what the options set before each text."""
        before = {name: options[name] for name in PREFIX if name in options}
        raw: dict[str, Any] = {"normalize_embeddings": False} if "raw" in self.offers else {}
        keys = [(text, *before.values()) for text in texts]
        for key in dict.fromkeys(keys):
            if key not in self._alone:
                self._alone[key] = self.encoder.encode([key[0]], **before, **raw)[0].astype(np.float64)
        return np.stack([self._alone[key] for key in keys])
