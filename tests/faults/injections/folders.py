"""Faults in reading a model's folder: what it declares is not known, not used, or used in another way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embeddings import after_pooling, declared_recipe, modules
from embeddings.after_pooling import AfterPooling
from embeddings.backend import mx
from embeddings.pooling import normalize
from embeddings.recipe import Dense, Module
from tests.faults.registry import FIXTURES, TINY_DECODER, Patch, faults_of, harmless
from tests.faults.seams import change_loaded_weights, load_from_copy
from tests.support.tiny import write_json

fault = faults_of("folders")
TINY_DENSE = str(FIXTURES / "tiny-dense")


@fault(
    "unknown pooling word falls back",
    "load",
    "a reader that knows the old flags alone takes the mean where the folder has the one word",
    kills=("parity", "prompts"),
    source="vllm-project/vllm#45995",
    model=TINY_DENSE,
)
def unknown_pooling_falls_back(patch: Patch) -> None:
    patch.setattr(modules, "_modes", lambda *_: ["mean"])


def change_modules(patch: Patch, change: Any) -> None:
    """Change the modules after pooling that a folder is read to have."""
    right = modules.read_modules

    def read(*arguments: Any) -> tuple[str, Sequence[Module]]:
        pooling, found = right(*arguments)
        return pooling, change(found)

    patch.setattr(declared_recipe, "read_modules", read)


@fault(
    "Dense modules left out",
    "load",
    "the vector is that of the pooling, which has another width",
    kills=("parity", "prompts", "weights"),
    source="plur-ai/plur#270",
    model=TINY_DENSE,
)
def no_dense(patch: Patch) -> None:
    change_modules(patch, lambda _: ())


@fault(
    "one Dense module of two left out",
    "load",
    "the first one, which is square, so that no width tells",
    kills=("parity", "prompts", "weights"),
    source="huggingface/text-embeddings-inference#732",
    model=TINY_DENSE,
)
def one_dense(patch: Patch) -> None:
    change_modules(patch, lambda found: found[1:])


@fault(
    "Dense module applied twice",
    "out",
    "once by the pooling and once more by the list of modules",
    kills=("parity", "prompts"),
    model=TINY_DENSE,
)
def dense_twice(patch: Patch) -> None:
    right = AfterPooling.dense

    def dense(self: AfterPooling, module: Dense, vectors: mx.array) -> mx.array:
        once = right(self, module, vectors)
        return right(self, module, once) if module.in_features == module.out_features else once

    patch.setattr(AfterPooling, "dense", dense)


@fault(
    "Dense without its activation",
    "out",
    "an affine map alone where the folder names tanh",
    kills=("parity", "prompts"),
    source="huggingface/text-embeddings-inference#732",
    model=TINY_DENSE,
)
def no_activation(patch: Patch) -> None:
    patch.setattr(after_pooling, "ACTIVATIONS", dict.fromkeys(after_pooling.ACTIVATIONS, lambda x: x))


@fault(
    "tanh for each Dense",
    "out",
    "the default of the class where the folder names the identity",
    kills=("parity", "prompts"),
    model=TINY_DENSE,
)
def always_tanh(patch: Patch) -> None:
    patch.setattr(after_pooling, "ACTIVATIONS", dict.fromkeys(after_pooling.ACTIVATIONS, mx.tanh))


@fault(
    "Dense without its bias",
    "out",
    "a matrix alone where the file has a bias too",
    kills=("parity", "prompts"),
    model=TINY_DENSE,
)
def no_bias(patch: Patch) -> None:
    right = AfterPooling.dense

    def dense(self: AfterPooling, module: Dense, vectors: mx.array) -> mx.array:
        bias = f"{module.path}.linear.bias"
        weights = {name: weight * (name != bias) for name, weight in self.weights.items()}
        return right(AfterPooling(self.modules, weights), module, vectors)

    patch.setattr(AfterPooling, "dense", dense)


@fault(
    "scaled before the Dense modules",
    "out",
    "the pooled vector gets length 1 first, and tanh is not linear",
    kills=("parity", "prompts"),
    model=TINY_DENSE,
)
def scaled_before_dense(patch: Patch) -> None:
    right = AfterPooling.__call__
    patch.setattr(AfterPooling, "__call__", lambda self, vectors: right(self, normalize(vectors)))


@fault(
    "default bits for one layer",
    "load",
    "a matrix with a statement of its own is packed as the others are, in 4 bits",
    kills=("weights", "parity", "hidden state parity"),
    source="lablup/mlxcel#291",
    model=TINY_DECODER,
)
def default_bits_for_one_layer(patch: Patch) -> None:
    name = "layers.0.mlp.down_proj.weight"

    def packed(loaded: dict[str, mx.array]) -> dict[str, mx.array]:
        parts = mx.quantize(loaded[name], group_size=64, bits=4)
        return {name: mx.dequantize(*parts, group_size=64, bits=4)}

    change_loaded_weights(patch, packed)


@harmless(
    "the old spelling of the pooling",
    "load",
    "the flags of before sentence-transformers 5.4 in place of the one word",
    model=TINY_DENSE,
)
def old_spelling(patch: Patch) -> None:
    old = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}

    def respell(folder: Path) -> None:
        write_json(folder / "1_Pooling" / "config.json", old)

    load_from_copy(patch, respell)


@harmless(
    "both spellings of the pooling",
    "load",
    "the word and the flags, which say the same",
    model=TINY_DENSE,
)
def both_spellings(patch: Patch) -> None:
    both = {"embedding_dimension": 32, "pooling_mode": "cls", "pooling_mode_cls_token": True}
    load_from_copy(patch, lambda folder: write_json(folder / "1_Pooling" / "config.json", both))


@harmless(
    "one Normalize more",
    "load",
    "a second one at the end scales what has length 1",
    model=TINY_DENSE,
)
def two_normalize(patch: Patch) -> None:
    def add(folder: Path) -> None:
        listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        write_json(folder / "modules.json", [*listed, listed[-1]])

    load_from_copy(patch, add)


@harmless(
    "no Normalize in the folder",
    "load",
    "vectors are scaled all the same, by the option of encode",
    model=TINY_DENSE,
)
def no_normalize(patch: Patch) -> None:
    def leave_out(folder: Path) -> None:
        listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        write_json(folder / "modules.json", listed[:-1])

    load_from_copy(patch, leave_out)


@harmless(
    "Dense as one product with its bias",
    "out",
    "one operation in place of two, which rounds in another way",
    model=TINY_DENSE,
)
def dense_in_one(patch: Patch) -> None:
    def dense(self: AfterPooling, module: Dense, vectors: mx.array) -> mx.array:
        matrix = self.weights[f"{module.path}.linear.weight"]
        bias = self.weights.get(f"{module.path}.linear.bias", mx.zeros(module.out_features))
        return after_pooling.ACTIVATIONS[module.activation](mx.addmm(bias, vectors, matrix.T))

    patch.setattr(AfterPooling, "dense", dense)
