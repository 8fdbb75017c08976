"""Loads a model by its name or its folder."""

from pathlib import Path
from typing import Any

from embeddings.after_pooling import AfterPooling
from embeddings.backend import mx, refuse_after_fork
from embeddings.catalog import DEFAULT_MODEL
from embeddings.declared_recipe import read_recipe
from embeddings.embedder import Embedder
from embeddings.errors import InputError, UnsupportedModel
from embeddings.folder import ModelFolder, find_folder, typed
from embeddings.models import (
    ENCODERS,
    FAMILIES,
    REFUSED,
    Decoder,
    DecoderConfig,
    Encoder,
    EncoderConfig,
)
from embeddings.recipe import DECLARED, Recipe
from embeddings.synthetic import PREFIX, SyntheticFolder, make_folder, random_weights
from embeddings.tokenizer_settings import check_tokenizer
from embeddings.tokens import TextTokenizer
from embeddings.weights import read_weights, stored_names, weight_files

__all__ = ["PRECISIONS", "load", "use_device"]

PRECISIONS = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}


def use_device(name: str | None) -> None:
    """Compute on "cpu" or "gpu" from now on. None keeps MLX's own choice: a GPU if there is one.

    Raises:
        InputError: this machine has no such device.

    """
    if name is None:
        return
    devices = {"cpu": mx.cpu, "gpu": mx.gpu}
    if name not in devices or not mx.is_available(devices[name]):
        raise InputError(f"device {name!r}", "there is none here", hint="leave it out, or take cpu")
    mx.set_default_device(devices[name])


def load(
    name_or_folder: str | Path = DEFAULT_MODEL,
    *,
    recipe: str = DECLARED,
    max_tokens: int | None = None,
    precision: str | None = None,
) -> Embedder:
    """Load a model by its catalog name, its name on the hub, its folder, or its synthetic name.

    name_or_folder: see embeddings.folder.find_folder and embeddings.synthetic.
    recipe: "declared" by the folder, or a name in embeddings.recipe.RECIPES.
    max_tokens: a limit on a text's length, lower than the model's own limit.
    precision: "float32", "float16" or "bfloat16" to compute in. The default is float32 for encoders, and on a
        CPU, because a CPU multiplies only float32 fast. For a decoder on a GPU the default is the
        checkpoint's own precision.

    Raises:
        ModelNotFound, DamagedModel, HashMismatch, UnsupportedModel, WeightMismatch, InputError: see
            embeddings.errors.

    """
    if precision is not None and precision not in PRECISIONS:
        raise InputError(
            "precision", f"must be one of {', '.join(PRECISIONS)}, got {precision!r}", hint="leave it out"
        )
    refuse_after_fork()
    name = str(name_or_folder)
    folder = make_folder(name) if name.startswith(PREFIX) else find_folder(name_or_folder)
    _refuse_adapter(folder)
    config = _read_config(folder)
    chosen = read_recipe(
        folder,
        recipe,
        family="encoder" if isinstance(config, EncoderConfig) else config.family.module,
        hidden_size=config.hidden_size,
        max_positions=config.max_positions,
    )
    if max_tokens is not None:
        chosen = chosen.with_max_tokens(max_tokens)
    tokenizer = TextTokenizer(
        folder.file("tokenizer.json"), max_tokens=chosen.max_tokens, end_token=chosen.end_token
    )
    check_tokenizer(folder, tokenizer)
    if tokenizer.vocabulary_size > config.vocab_size:  # MLX reads beyond the end of a table without an error
        raise UnsupportedModel(
            folder.path / "tokenizer.json",
            f"gives ids up to {tokenizer.vocabulary_size - 1}, the model has {config.vocab_size}",
            hint="use the tokenizer of this very model",
        )
    after = AfterPooling.read(folder, chosen.modules, config.quantization, PRECISIONS[precision or "float32"])
    model = _read_model(folder, config, chosen, precision, beside=frozenset(after.weights))
    return Embedder(folder, model, tokenizer, chosen, after)


def _refuse_adapter(folder: ModelFolder) -> None:
    """Refuse a folder with an adapter: programs that know adapters add its weights to the model's."""
    if (adapter := folder.path / "adapter_config.json").exists():
        raise UnsupportedModel(
            adapter,
            "the folder holds an adapter, and adapters are not supported",
            hint="merge it with peft's merge_and_unload, and save the result",
        )


def _read_config(folder: ModelFolder) -> EncoderConfig | DecoderConfig:
    where = folder.path / "config.json"
    kind, known = typed(where, folder.mapping("config.json"), "model_type", str), (*ENCODERS, *FAMILIES)
    if kind not in known:
        why = f" ({REFUSED[kind]})" if kind in REFUSED else ""
        raise UnsupportedModel(
            where,
            f"model_type must be one of {', '.join(known)}, got {kind!r}{why}",
            hint="use another model, or add its architecture beside models/bert.py",
        )
    return ENCODERS[kind].read(folder) if kind in ENCODERS else DecoderConfig.read(folder)


def _read_model(
    folder: ModelFolder,
    config: EncoderConfig | DecoderConfig,
    recipe: Recipe,
    precision: str | None,
    *,
    beside: frozenset[str],
) -> Encoder | Decoder:
    """Read the model. beside: weights in its files that belong to the modules after it."""
    if isinstance(config, EncoderConfig):
        encoder = next(one for one in ENCODERS.values() if one.reads is type(config))
        kept = PRECISIONS[precision or "float32"]
        return encoder(config, _read_weights(folder, encoder, config, kept, beside))
    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    chosen = precision or ("float32" if on_cpu else None)
    dtype = PRECISIONS[chosen] if chosen else None
    if isinstance(folder, SyntheticFolder):
        shapes, packed = Decoder.described(config)
        weights = random_weights(folder.name, shapes, packed, config.quantization, precision=dtype)
    else:
        weights = _read_weights(folder, Decoder, config, dtype, beside)
    return Decoder(config, weights, causal=recipe.causal)


def _read_weights(
    folder: ModelFolder,
    model: type[Encoder | Decoder],
    config: Any,
    precision: mx.Dtype | None,
    beside: frozenset[str],
) -> dict[str, mx.array]:
    files = weight_files(folder)
    shapes, packed = model.described(config, stored_names(files, optional_prefix=model.prefix))
    return read_weights(
        files, shapes, model.unused | beside, packed=packed, optional_prefix=model.prefix, precision=precision
    )
