"""A small model by the code of the judged one, so that thousands of calls take seconds.

Whether a call of 100 texts goes wrong depends on the code of encode, and not on the size of the model.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from embeddings.after_pooling import AfterPooling
from embeddings.backend import mx
from embeddings.embedder import Embedder
from embeddings.models import Decoder, Encoder
from embeddings.recipe import Dense

__all__ = ["small"]

WIDTH = 16  # of a layer, or more where vectors may not be cut to half of it
HEADS = 2


def small(encoder: Embedder) -> Embedder:
    """Return a model with the tokenizer, recipe and architecture of this one, and one narrow layer.

    Its weights are random numbers, always the same, in float32. Nothing is quantized.
    """
    width = max(WIDTH, 2 * encoder.min_dimensions)
    right = encoder.model
    model = _small_decoder(right, width) if isinstance(right, Decoder) else _small_encoder(right, width)
    after = AfterPooling([one for one in encoder.after.modules if not isinstance(one, Dense)])
    return Embedder(encoder.folder, model, encoder.tokenizer, encoder.recipe, after)


def _sizes(width: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "num_hidden_layers": 1,
        "intermediate_size": width,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "head_dim": width // HEADS,
    }


def _small_encoder(model: Encoder, width: int) -> Encoder:
    known = {field.name for field in fields(model.config)}
    given: dict[str, Any] = {name: size for name, size in _sizes(width).items() if name in known}
    if "layer_types" in known:
        given["layer_types"] = model.config.layer_types[:1]  # type: ignore[attr-defined]
    config = replace(model.config, quantization=None, **given)
    return type(model)(config, _random(model.shapes(config)))


def _small_decoder(model: Decoder, width: int) -> Decoder:
    given = {name: size for name, size in _sizes(width).items() if name in model.config.arguments}
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
