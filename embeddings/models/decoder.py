"""Causal decoders: the trunk of an mlx-lm model, without its language-model head.

The layers are those of mlx-lm (https://github.com/ml-explore/mlx-lm). None is copied here. This library adds
the check of config.json, the two kinds of attention mask, the quantized linear layer for many rows, and on
CUDA Qwen3's layers in fewer steps.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from importlib import import_module
from typing import Any

from embeddings.backend import mx, nn
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import MOST_LAYERS, ModelFolder, account, typed
from embeddings.models import config_keys, cuda_kernels
from embeddings.models.families import FAMILIES, Family
from embeddings.models.fused_qwen3 import FusedQwen3
from embeddings.models.quantization import Quantization
from embeddings.models.quantized import backend, for_many_rows

__all__ = ["Decoder", "DecoderConfig"]

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

_OURS = frozenset(  # mlx-lm knows these keys too, but they are not passed on as declared
    "layer_types rope_parameters rope_scaling rope_theta sliding_window".split()
)
_HARMLESS = config_keys.HARMLESS | frozenset(  # and the tie of the head, which a trunk does not have
    "is_llama_config max_window_layers tie_word_embeddings".split()
)


@dataclass(frozen=True)
class DecoderConfig:
    """The content of config.json as arguments for mlx-lm, and the values that affect the vectors."""

    family: Family = field(repr=False)  # not in repr: its sets have no order; the arguments contain its name
    arguments: Mapping[str, Any]
    quantization: Quantization | None
    vocab_size: int
    hidden_size: int
    max_position_embeddings: int

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings

    @classmethod
    def read(cls, folder: ModelFolder) -> "DecoderConfig":
        """Read config.json.

        Raises:
            DamagedModel: the file or one of its keys is missing or malformed.
            UnsupportedModel: a key is unknown, or has a value that these trunks do not implement.

        """
        where, declared = folder.path / "config.json", folder.mapping("config.json")
        family = FAMILIES[typed(where, declared, "model_type", str)]
        arguments = import_module(f"mlx_lm.models.{family.module}").ModelArgs
        known = {field.name for field in fields(arguments)}
        account(
            where,
            declared,
            handled={*known, *_OURS, "max_position_embeddings", "quantization", "quantization_config"},
            harmless=_HARMLESS | family.harmless,
            fixed={**config_keys.FIXED, **family.fixed},
        )
        sizes = {
            name: typed(where, declared, name, int)
            for name in ("vocab_size", "hidden_size", "max_position_embeddings")
        }
        for key in sorted(family.required):
            typed(where, declared, key, float)
        try:
            family.check_window(where, declared, sizes["max_position_embeddings"])
            rope = family.rope(where, declared)
        except (TypeError, ValueError, AttributeError) as error:
            hint = "fetch the file again"
            raise DamagedModel(where, f"its window or its rope is malformed ({error})", hint=hint) from error
        given = {key: value for key, value in declared.items() if key in known - _OURS}
        given |= {key: value for key, value in rope.items() if key in known}
        try:
            made = arguments(**given)
        except Exception as error:  # mlx-lm checks nothing that it is given
            raise DamagedModel(where, f"mlx-lm refuses it ({error})", hint="fetch the file again") from error
        sizes_and_layers = {**sizes, "num_hidden_layers": typed(where, vars(made), "num_hidden_layers", int)}
        for name, value in sizes_and_layers.items():
            if value < 1:
                raise DamagedModel(where, f"{name} must be at least 1, got {value}", hint="correct the file")
        if made.num_hidden_layers > MOST_LAYERS:
            raise UnsupportedModel(
                where, f"num_hidden_layers must be at most {MOST_LAYERS:,}", hint="correct the file"
            )
        config = cls(family, given, Quantization.read(where, declared), **sizes)
        if unknown := config.unknown_layers():
            raise UnsupportedModel(
                where,
                f"quantization names {unknown[0]}, which is no matrix of the model",
                hint="correct the file",
            )
        return config

    def unknown_layers(self) -> list[str]:
        """Return the layers that the quantization names and that the trunk cannot pack."""
        named = self.quantization.layers if self.quantization else {}
        if not named:
            return []
        modules = _build(replace(self, quantization=None), ()).model.named_modules()
        return sorted(named.keys() - {name for name, module in modules if hasattr(module, "to_quantized")})


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
        whole = _build(config, weights)
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
        weights = _flat(_build(config, stored).model.parameters())  # never evaluated: nothing is computed
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


def _build(config: DecoderConfig, stored: Collection[str] | None) -> Any:
    """Build mlx-lm's model. Its weights are only described and never computed.

    stored: see ``Decoder.described``.

    Raises:
        UnsupportedModel: mlx-lm cannot, because config.json declares what is no model.

    """
    try:
        return _built(config, stored)
    except Exception as error:  # mlx-lm checks nothing that it is given
        what = f"mlx-lm cannot build it ({type(error).__name__}: {error})"
        raise UnsupportedModel(config.family.module, what, hint="correct config.json") from error


def _built(config: DecoderConfig, stored: Collection[str] | None) -> Any:
    module = import_module(f"mlx_lm.models.{config.family.module}")
    model = module.Model(module.ModelArgs(**config.arguments))
    if config.quantization:
        of = config.quantization.of

        def packing(name: str, layer: Any) -> bool | dict[str, Any]:
            has_scales = stored is None or f"{name}.scales" in stored
            chosen = of(name, packed=has_scales) if hasattr(layer, "to_quantized") else None
            return asdict(chosen) if chosen else False

        nn.layers.quantized.quantize(model.model, class_predicate=packing)
    model.eval()
    return model
