"""A small model by the code of the judged one, so that thousands of calls take seconds.

Whether a call of 100 texts goes wrong depends on the code of encode, and not on the size of the model.
"""

from dataclasses import replace

import numpy as np

from embeddings.backend import mx
from embeddings.embedder import Embedder
from embeddings.models import Bert, Decoder

__all__ = ["small"]

WIDTH = 16  # of a layer, or more where vectors may not be cut to half of it
HEADS = 2


def small(encoder: Embedder) -> Embedder:
    """Return a model with the tokenizer, recipe and architecture of this one, and one narrow layer.

    Its weights are random numbers, always the same, in float32. Nothing is quantized.
    """
    width = max(WIDTH, 2 * encoder.min_dimensions)
    if isinstance(encoder.model, Bert):
        model: Bert | Decoder = _small_bert(encoder.model, width)
    else:
        model = _small_decoder(encoder.model, width)
    return Embedder(encoder.folder, model, encoder.tokenizer, encoder.recipe)


def _small_bert(model: Bert, width: int) -> Bert:
    config = replace(
        model.config,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        intermediate_size=width,
    )
    return Bert(config, _random(Bert.shapes(config)))


def _small_decoder(model: Decoder, width: int) -> Decoder:
    sizes = {
        "hidden_size": width,
        "num_hidden_layers": 1,
        "intermediate_size": width,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "head_dim": width // HEADS,
    }
    given = {name: size for name, size in sizes.items() if name in model.config.arguments}
    config = replace(
        model.config,
        arguments={**model.config.arguments, **given},
        quantization=None,
        hidden_size=width,
    )
    shapes, _ = Decoder.described(config)
    return Decoder(config, _random(shapes), causal=model.causal)


def _random(shapes: dict[str, tuple[int, ...]]) -> dict[str, mx.array]:
    random = np.random.default_rng(0)
    weights = {
        name: mx.array(random.random(shape, dtype=np.float32) - np.float32(0.5))
        for name, shape in shapes.items()
    }
    mx.eval(weights)
    return weights
