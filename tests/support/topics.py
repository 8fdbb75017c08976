"""Vectors of texts by topic, drawn at random, the same in each run."""

import numpy as np

__all__ = ["drawn"]


def drawn(texts: int = 60, categories: int = 4, noise: float = 2) -> tuple[np.ndarray, tuple[str, ...]]:
    """Draw (N, 12) vectors about the centre of their category, and the name of the category of each."""
    draw = np.random.default_rng(7)
    names = tuple(f"c{number}" for number in draw.integers(categories, size=texts))
    centres = {name: draw.normal(size=12) for name in sorted(set(names))}
    return np.array([centres[name] + noise * draw.normal(size=12) for name in names]), names
