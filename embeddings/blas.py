"""The older name of :mod:`embeddings.backend`. The gate and benchmarks of older revisions import it."""

from embeddings.backend import *  # noqa: F403
