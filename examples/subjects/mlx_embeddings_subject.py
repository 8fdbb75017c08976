"""mlx-embeddings, by the call that its documents show, eight texts at a time."""

from runpy import run_path

run_path("embeddings/fast_blas.py")  # on Linux, the BLAS that MLX is fast with
from mlx_embeddings import generate, load  # noqa: E402


class Subject:
    def __init__(self, folder):
        self.loaded = load(folder)

    def encode(self, texts):
        batches = (list(texts[start : start + 8]) for start in range(0, len(texts), 8))
        return [row.tolist() for batch in batches for row in generate(*self.loaded, texts=batch).text_embeds]
