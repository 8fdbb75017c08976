"""mlx-embeddings, by the call that its documents show, eight texts at a time."""

import embeddings.openblas  # noqa: F401  (on Linux: the BLAS that MLX is fast with)

# isort: split
from mlx_embeddings import generate, load
from numpy import array


class Subject:
    def __init__(self, folder):
        self.loaded = load(folder)

    def encode(self, texts):
        batches = (list(texts[start : start + 8]) for start in range(0, len(texts), 8))
        return [array(row) for batch in batches for row in generate(*self.loaded, texts=batch).text_embeds]
