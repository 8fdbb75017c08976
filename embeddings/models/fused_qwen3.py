"""Qwen3's trunk with fewer and larger steps, for CUDA.

The products of queries, keys and values are one, and so are those of the MLP's gate and up. Between the
products stand the kernels of cuda_kernels.py. The trunk keeps its weights under their names. They become
parts of the joined ones, so memory does not grow. With few tokens the separate products are faster: then
``Decoder`` runs the trunk, on these parts.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from embeddings.backend import mx, nn
from embeddings.models.cuda_kernels import HEAD

__all__ = ["AHEAD", "FusedQwen3", "Kernels", "joined"]

# The device is started after every AHEAD layers, while Python describes the next ones. On an H200, 128 texts
# x 128 tokens of the 0.6B shape: 444,800 tokens/s with 0, 499,200 with 1, 491,700 with 2 and 476,700 with 7.
AHEAD = 1


class Kernels(Protocol):
    """What stands between the products: the module cuda_kernels, or the same in plain MLX for the tests."""

    heads: Any
    add_norm: Any
    swiglu: Any


class FusedQwen3:
    """A trunk of mlx-lm's qwen3 with heads of 128 numbers, ready to run causally."""

    def __init__(self, trunk: Any, kernels: Kernels) -> None:
        self.trunk, self.kernels = trunk, kernels
        first = trunk.layers[0].self_attn
        self.heads, self.keys, self.scale = first.n_heads, first.n_kv_heads, first.scale
        self.base, self.size = first.rope.base, first.rope.dims
        self.eps = float(trunk.norm.eps)
        self.layers = [_Layer(layer) for layer in trunk.layers]

    @staticmethod
    def fits(trunk: Any) -> bool:
        """Tell whether the kernels can run a trunk: Qwen3's, with heads of 128 numbers and sizes of 8 n.

        What is joined must also be packed alike.
        """
        if type(trunk).__module__ != "mlx_lm.models.qwen3":
            return False
        attention = trunk.layers[0].self_attn
        sizes = (
            attention.n_heads + attention.n_kv_heads,
            trunk.args.hidden_size,
            trunk.args.intermediate_size,
        )
        if trunk.args.head_dim != HEAD or any(size % 8 for size in sizes):
            return False
        return all(len(set(map(_packing, group))) == 1 for layer in trunk.layers for group in _groups(layer))

    def __call__(self, ids: mx.array, *, ahead: int = AHEAD) -> mx.array:
        """Return hidden states (B, T, D) of token ids (B, T). ahead: see ``Decoder.walk``."""
        batch, length = ids.shape
        angles = self.angles(length)
        hidden = self.trunk.embed_tokens(ids).reshape(batch * length, -1)
        added = mx.zeros_like(hidden)
        for number, layer in enumerate(self.layers, start=1):
            hidden, normed = self.kernels.add_norm(hidden, added, layer.before, self.eps)
            mixed = self.attend(layer, normed, angles, batch)
            hidden, normed = self.kernels.add_norm(hidden, layer.out(mixed), layer.between, self.eps)
            added = layer.down(self.kernels.swiglu(layer.gate_and_up(normed)))
            if ahead and number % ahead == 0:
                mx.async_eval(added)
        return self.trunk.norm(hidden + added).reshape(batch, length, -1)

    def angles(self, length: int) -> mx.array:
        """Return the cosines and sines of the rotary embedding at each position: (T, 128)."""
        turns = self.base ** -(mx.arange(0, self.size, 2, dtype=mx.float32) / self.size)
        angle = mx.arange(length, dtype=mx.float32)[:, None] * turns
        return mx.concatenate([mx.cos(angle), mx.sin(angle)], axis=1)

    def attend(self, layer: "_Layer", x: mx.array, angles: mx.array, batch: int) -> mx.array:
        """Compute the heads' attention without the product after it: (B * T, D) -> (B * T, H * 128)."""
        qkv = layer.qkv(x)
        queries, keys = self.kernels.heads(
            qkv, layer.query_norm, layer.key_norm, angles, self.eps, queries=self.heads, keys=self.keys
        )
        values = qkv[:, -self.keys * self.size :]
        parts = (
            part.reshape(batch, -1, count, self.size).swapaxes(1, 2)
            for part, count in ((queries, self.heads), (keys, self.keys), (values, self.keys))
        )
        mixed = mx.fast.scaled_dot_product_attention(*parts, scale=self.scale, mask="causal")
        return mixed.swapaxes(1, 2).reshape(len(x), -1)


def _groups(block: Any) -> tuple[list[Any], list[Any]]:
    """Return the layers of a block that are joined: queries, keys and values; gate and up."""
    attention, mlp = block.self_attn, block.mlp
    return [attention.q_proj, attention.k_proj, attention.v_proj], [mlp.gate_proj, mlp.up_proj]


def _packing(layer: Any) -> tuple[object, ...]:
    return (type(layer), *(getattr(layer, name, None) for name in ("group_size", "bits", "mode")))


class _Layer:
    """The weights of one layer, joined."""

    def __init__(self, block: Any) -> None:
        attention, mlp = block.self_attn, block.mlp
        self.qkv, self.gate_and_up = map(joined, _groups(block))
        self.out, self.down = attention.o_proj, mlp.down_proj
        self.before, self.between = block.input_layernorm.weight, block.post_attention_layernorm.weight
        self.query_norm, self.key_norm = attention.q_norm.weight, attention.k_norm.weight
        mx.eval(block.parameters(), self.qkv.parameters(), self.gate_and_up.parameters())
        mx.clear_cache()  # so that only one layer at a time is in memory twice


def joined(layers: Sequence[Any]) -> Any:
    """Return one layer with the outputs of several side by side. These become parts of its weights.

    layers: linear layers of the same inputs without bias, all quantized alike or none.
    """
    whole = nn.layers.base.Module.__new__(type(layers[0]))
    nn.layers.base.Module.__init__(whole)
    for name, value in vars(layers[0]).items():
        setattr(whole, name, value)
    for name, part in layers[0].parameters().items():
        if part is None:  # the offsets of a float format, which has none
            continue
        whole[name] = mx.concatenate([layer[name] for layer in layers])
        start = 0
        for layer in layers:
            end = start + len(layer[name])
            layer[name] = whole[name][start:end]
            start = end
    return whole
