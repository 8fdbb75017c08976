"""The older name of :mod:`embeddings.backend`, for a gate or a benchmark of an older revision."""

from embeddings.backend import *  # noqa: F403
