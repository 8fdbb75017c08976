"""BERT and Qwen3 once more, in NumPy: whole implementations that share no code with the library.

They compute the same functions with other sums and another order of operations. The precision is that of the
weights that they get.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

__all__ = ["bert", "qwen3"]

Array = NDArray[Any]
Weights = Mapping[str, Array]


def bert(weights: Weights, config: Any, ids: Array, lengths: Array) -> Array:
    """Compute hidden states (B, T, D) of ids (B, T) and lengths (B,). config: as the library read it."""
    heads, eps = config.num_attention_heads, config.layer_norm_eps
    unread = np.arange(ids.shape[1])[None, :] >= lengths[:, None]  # (B, T)

    def affine(x: Array, name: str) -> Array:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    word, position, kind = (
        weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    x = norm(word[ids] + position[: ids.shape[1]] + kind[0], "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(config.num_hidden_layers)):
        query, key, value = (
            _split(affine(x, f"{layer}.attention.self.{name}"), heads) for name in ("query", "key", "value")
        )
        mixed = _join(_attended(query, key, value, unread[:, None, None, :]))
        x = norm(x + affine(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        inner = affine(x, f"{layer}.intermediate.dense")
        inner = inner * (1 + erf(inner * x.dtype.type(0.5**0.5))) * x.dtype.type(0.5)
        x = norm(x + affine(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


def qwen3(weights: Weights, config: Mapping[str, Any], ids: Array) -> Array:
    """Compute hidden states (B, T, D) of ids (B, T). config: the keys of config.json."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    later = np.triu(np.ones((ids.shape[1], ids.shape[1]), dtype=bool), k=1)
    turn = _rotation(ids.shape[1], config["head_dim"], config["rope_theta"])

    def norm(x: Array, name: str) -> Array:
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + x.dtype.type(config["rms_norm_eps"]))
        return np.asarray(x / scale * weights[name])

    x = weights["embed_tokens.weight"][ids]
    for layer in (f"layers.{number}" for number in range(config["num_hidden_layers"])):
        read = norm(x, f"{layer}.input_layernorm.weight")
        query, key, value = (
            _split(read @ weights[f"{layer}.self_attn.{name}_proj.weight"].T, count)
            for name, count in (("q", heads), ("k", groups), ("v", groups))
        )
        query, key = (
            turn(norm(part, f"{layer}.self_attn.{name}_norm.weight"))
            for name, part in (("q", query), ("k", key))
        )
        key, value = (np.repeat(part, heads // groups, axis=1) for part in (key, value))
        x = x + _join(_attended(query, key, value, later)) @ weights[f"{layer}.self_attn.o_proj.weight"].T
        read = norm(x, f"{layer}.post_attention_layernorm.weight")
        gate, up = (read @ weights[f"{layer}.mlp.{name}_proj.weight"].T for name in ("gate", "up"))
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{layer}.mlp.down_proj.weight"].T
    return norm(x, "norm.weight")


def _attended(query: Array, key: Array, value: Array, unread: Array) -> Array:
    """Attend: (B, H, T, D) each. unread: booleans that broadcast to (B, H, T, T), True for keys not read."""
    scores = query @ key.swapaxes(-1, -2) * query.dtype.type(query.shape[-1] ** -0.5)
    scores = np.where(unread, -np.inf, scores)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True) @ value)


def _split(x: Array, heads: int) -> Array:
    """Give each head its part: (B, T, H * D) -> (B, H, T, D)."""
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).swapaxes(1, 2)


def _join(x: Array) -> Array:
    batch, heads, length, width = x.shape
    return x.swapaxes(1, 2).reshape(batch, length, heads * width)


def _rotation(length: int, width: int, theta: float) -> Callable[[Array], Array]:
    """Return what turns heads (B, H, T, D) by their positions, component n with component n + D / 2."""
    angles = np.arange(length)[:, None] * theta ** (-np.arange(width // 2) / (width // 2))
    cos, sin = np.cos(angles), np.sin(angles)

    def turn(x: Array) -> Array:
        one, other = x[..., : width // 2], x[..., width // 2 :]
        turned = np.concatenate([one * cos - other * sin, other * cos + one * sin], axis=-1)
        return turned.astype(x.dtype)

    return turn
