"""Causal decoders: the trunk of an mlx-lm model, without its language-model head.

The layers are those of mlx-lm (https://github.com/ml-explore/mlx-lm). None is copied here. This library adds
the check of config.json (decoder_config.py), the two kinds of attention mask, the quantized linear layer for
many rows, and on CUDA Qwen3's layers in fewer steps.
"""

from collections.abc import Collection, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from embeddings.backend import mx
from embeddings.errors import UnsupportedModel
from embeddings.models import cuda_kernels
from embeddings.models.decoder_config import DecoderConfig, build
from embeddings.models.fused_qwen3 import FusedQwen3
from embeddings.models.quantized import backend, for_many_rows

__all__ = ["Decoder"]

# MLX's attention stores the scores of all pairs of tokens on a CPU, and in float32 on CUDA. So a longer text
# is computed in steps of STEP tokens, as mlx-lm reads a prompt. Then memory grows with the length of the text
# and not with its square. Without steps it is 71 MB at 1,024 tokens and 249 MB at 2,048 (fixtures/tiny-qwen3
# on an H100).
STEP = 512

# A GPU waits while Python describes the layers. So the GPU is started after every AHEAD layers. If a layer's
# input has fewer than WORTH_IT numbers, this would take longer and is not done. On an H100, 128 texts x 128
# tokens of the 0.6B shape: 318,700 and 324,500 tokens/s with it, 294,500 without. Latency of 16 tokens
# divided by mlx-lm's: 1.13 with it and 1.03 without for 0.6B, 0.83 with it and 1.12 without for 4B
# (benchmarks/README.md).
AHEAD = 4
WORTH_IT = 32_768

# From this number of tokens in a batch, models/fused_qwen3.py is faster than mlx-lm's layers. 0.6B, 4B and 8B
# in 4 bits on an H200: 1.23, 1.27 and 1.61 times as fast at 1,024 tokens; 0.88, 0.93 and 1.04 times at 128
# (benchmarks/README.md).
FUSED_FROM = 512


class Decoder:
    """The trunk: token ids to hidden states. If ``causal`` is False, each token attends to all tokens."""

    prefix = "model."  # some checkpoints put it before each name, others do not
    unused = frozenset({"lm_head.weight", "lm_head.scales", "lm_head.biases"})
    small_batches_are_cheap = (
        False  # each batch unpacks all weights: 8 texts of 16 tokens in two batches take 1.4 times as long
    )

    def __init__(self, config: DecoderConfig, weights: dict[str, mx.array], *, causal: bool = True) -> None:
        """Take over the weights (name in the trunk -> array). The dict is empty afterwards.

        So a weight that becomes part of a joined one is in memory only once.
        """
        if not (causal or config.family.plain):
            raise UnsupportedModel(
                config.family.module, "is not run without its causal mask", hint="use a recipe that keeps it"
            )
        self.config = config
        self.causal = causal
        make_prompt_cache = import_module("mlx_lm.models.cache").make_prompt_cache
        whole = build(config, weights)
        self.trunk = whole.model
        self._new_cache = partial(make_prompt_cache, whole)
        self.trunk.load_weights(list(weights.items()), strict=True)
        weights.clear()
        for_many_rows(self.trunk)
        _compute_derived(self.trunk)
        fits = causal and backend() == "cuda" and FusedQwen3.fits(self.trunk)
        self.fused = FusedQwen3(self.trunk, cuda_kernels) if fits else None

    def with_weights(self, weights: Mapping[str, mx.array]) -> "Decoder":
        """Return the same decoder with other weights."""
        return Decoder(self.config, dict(weights), causal=self.causal)

    @property
    def weights(self) -> dict[str, mx.array]:
        """The weights: name in the trunk -> array."""
        return _flat(self.trunk.parameters())

    @staticmethod
    def described(
        config: DecoderConfig, stored: Collection[str] | None = None
    ) -> tuple[dict[str, tuple[int, ...]], set[str]]:
        """Return name -> shape of every weight of the trunk, and the names of the packed integer weights.

        stored: the names of the weights in the files. A matrix without scales is not packed. None: each is.
        """
        weights = _flat(build(config, stored).model.parameters())  # never evaluated: nothing is computed
        packed = {name for name, weight in weights.items() if weight.dtype in (mx.uint32, mx.uint8)}
        return {name: tuple(weight.shape) for name, weight in weights.items()}, packed

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,).

        With the causal mask a real token never reads the padding after it. So no other mask is needed.
        """
        longest, on_gpu = ids.shape[1], mx.default_device().type != mx.DeviceType.cpu
        if not self.causal:
            return self.walk(ids, (mx.arange(longest)[None, :] < lengths[:, None])[:, None, None, :])
        if longest > STEP and not (on_gpu and mx.metal.is_available()):
            return self._in_steps(ids)
        if self.fused and ids.size >= FUSED_FROM:
            return self.fused(ids)
        if on_gpu and self.config.family.plain and ids.size * self.config.hidden_size >= WORTH_IT:
            return self.walk(ids, "causal", ahead=AHEAD)
        return self.trunk(ids)

    def _in_steps(self, ids: mx.array) -> mx.array:
        cache, steps = self._new_cache(), []
        for start in range(0, ids.shape[1], STEP):
            steps.append(self.trunk(ids[:, start : start + STEP], cache=cache))
            mx.eval(steps[-1])  # else MLX works ahead and holds the scores of many steps at once
        return mx.concatenate(steps, axis=1)

    def walk(self, ids: mx.array, mask: mx.array | str, *, ahead: int = 0) -> mx.array:
        """Run the trunk layer by layer with a mask: ids (B, T) -> hidden states (B, T, D).

        ahead: start the device after every ``ahead`` layers. 0: start it when all layers are described.
        """
        hidden = self.trunk.embed_tokens(ids)
        for number, layer in enumerate(self.trunk.layers, start=1):
            hidden = layer(hidden, mask, None)
            if ahead and number % ahead == 0:
                mx.async_eval(hidden)
        return self.trunk.norm(hidden)


def _compute_derived(trunk: Any) -> None:
    """Compute what layers derive from the configuration, as frequencies: other threads cannot (MLX 0.32)."""
    derived = [value for layer in trunk.modules() for key, value in layer.items() if key.startswith("_")]
    mx.eval([value for value in derived if isinstance(value, mx.array)])


def _flat(tree: Any, name: str = "") -> dict[str, mx.array]:
    """Return the arrays of a tree by their checkpoint names, such as "layers.0.mlp.up_proj.weight"."""
    if isinstance(tree, mx.array):
        return {name: tree}
    if tree is None:  # the offsets of a float format, which has none
        return {}
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {
        full: weight
        for key, branch in branches
        for full, weight in _flat(branch, f"{name}.{key}" if name else str(key)).items()
    }
