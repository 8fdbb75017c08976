"""Random vectors of texts by topic. They are the same in each run."""

import numpy as np

__all__ = ["drawn"]


def drawn(texts: int = 60, categories: int = 4, noise: float = 2) -> tuple[np.ndarray, tuple[str, ...]]:
    """Draw vectors (N, 12) around the centres of their categories; return them and the category names."""
    draw = np.random.default_rng(7)
    names = tuple(f"c{number}" for number in draw.integers(categories, size=texts))
    centres = {name: draw.normal(size=12) for name in sorted(set(names))}
    return np.array([centres[name] + noise * draw.normal(size=12) for name in names]), names
