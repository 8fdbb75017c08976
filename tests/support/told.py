"""A fake client of a subject. It records its requests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Told:
    """A fake client that remembers its requests."""

    name, prompts = "told", frozenset({"query"})

    def __init__(self, *offers: str, width: int = 8) -> None:
        self.offers, self.width = frozenset({"encode", *offers}), width
        self.asked: list[tuple[list[str], dict[str, Any]]] = []

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return vectors (N, width)."""
        self.asked.append((list(texts), options))
        return np.ones((len(texts), options.get("truncate_dim", self.width)), dtype=np.float32)

    def close(self) -> None:
        """Do nothing: there is nothing to end."""
