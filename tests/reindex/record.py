"""Records vectors for the studies: ``python -m tests.reindex.record MODEL [WORLD]``, into build/reindex.

Each variant is the library's own: weights in fewer bits, another pooling, a prompt, other batches.
"""

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embeddings
from embedding_gate.own_files import FIXTURES, ROOT
from embedding_gate.subjects.embedded import embed_part
from embeddings.backend import mx
from embeddings.embedder import Embedder
from tests.reindex.worlds import WORLDS, world

__all__ = ["BITS", "MODELS", "file_of", "quantized"]

MODELS = {"embedded": "all-MiniLM-L6-v2", "decoder": str(FIXTURES / "tiny-qwen3")}
BITS = (8, 6, 4, 3, 2)
GROUP = 32  # weights that share a scale
PROMPTS = {"prompt": "query: ", "long prompt": "Represent this sentence for searching relevant passages: "}
Vectors = NDArray[np.float32]


def file_of(model: str, number: int) -> Path:
    """Return where the vectors of a model and a world are."""
    return ROOT / "build" / "reindex" / f"{model}-{number}.npz"


def rebuilt(encoder: Embedder, weights: dict[str, Any] | None = None, **recipe: Any) -> Embedder:
    """Return the same model with other weights, or another recipe."""
    held = weights or dict(encoder.model.weights)
    mx.eval(list(held.values()))
    model = encoder.model.with_weights(held)
    return Embedder(
        encoder.folder, model, encoder.tokenizer, replace(encoder.recipe, **recipe), encoder.after
    )


def quantized(encoder: Embedder, bits: int) -> Embedder:
    """Return the same model with its matrices rounded to some bits; 16 are those of float16."""

    def rounded(weight: Any) -> Any:
        if bits == 16:
            return weight.astype(mx.float16).astype(mx.float32)
        if weight.ndim != 2 or weight.shape[1] % GROUP:
            return weight
        return mx.dequantize(*mx.quantize(weight, group_size=GROUP, bits=bits), group_size=GROUP, bits=bits)

    return rebuilt(encoder, {name: rounded(weight) for name, weight in encoder.model.weights.items()})


def variants(encoder: Embedder) -> dict[str, Callable[[], Any]]:
    """Return what is recorded, by name: each gives an encoder."""
    others = [name for name in ("mean", "last") if name != encoder.recipe.pooling]
    found: dict[str, Callable[[], Any]] = {"base": lambda: encoder}
    found |= {f"{bits} bits": partial(quantized, encoder, bits) for bits in (16, *BITS)}
    found |= {f"{name} pooling": partial(rebuilt, encoder, pooling=name) for name in others}
    found |= {name: partial(With, encoder, prompt=text) for name, text in PROMPTS.items()}
    return {**found, "other batches": lambda: With(encoder, batch_tokens=300)}


class With:
    """An encoder that is always asked with the same options."""

    def __init__(self, encoder: Embedder, **options: Any) -> None:
        self._encoder, self._options = encoder, options
        self.dimension, self.prompts = encoder.dimension, encoder.prompts

    def encode(self, texts: list[str], prompt_name: str | None = None) -> Vectors:
        """Return vectors (N, D). A prompt takes the place of the one that is named."""
        named: dict[str, Any] = {} if "prompt" in self._options else {"prompt_name": prompt_name}
        return self._encoder.encode(texts, **named, **self._options)


def main() -> None:
    """Record what is not recorded yet."""
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    model, *worlds = sys.argv[1:]
    encoder = embeddings.load(MODELS[model])
    for number in map(int, worlds or range(WORLDS)):
        path = file_of(model, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = dict(np.load(path)) if path.exists() else {}
        for name, make in variants(encoder).items():
            if name not in found:
                made = make()
                parts = world(number).parts.values()
                found[name] = np.concatenate([embed_part(made, part) for part in parts])
                np.savez(path, **found)
                print(model, number, name, flush=True)


if __name__ == "__main__":
    main()
