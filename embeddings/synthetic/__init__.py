"""Synthetic models: the shapes of real ones, random weights, and Qwen's vocabulary."""

from embeddings.synthetic.models import (
    PREFIX,
    SHAPES,
    SyntheticFolder,
    config_of,
    make_folder,
    random_weights,
)

__all__ = ["PREFIX", "SHAPES", "SyntheticFolder", "config_of", "make_folder", "random_weights"]
