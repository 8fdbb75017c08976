"""The modules of a folder: both spellings of the pooling, Dense and Normalize, and what is refused."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import embeddings
from tests.support import tiny

TEXTS = ["abc", "a longer text of some words", ""]
WIDTH = 16
NEW = {"embedding_dimension": WIDTH, "pooling_mode": "mean", "include_prompt": True}

Change = Callable[[Path], object]
Vectors = NDArray[np.float64]


def with_modules(folder: Path, *kinds: str) -> Path:
    """Write a tiny model whose modules after pooling are these, in the spelling of version 5.4."""
    tiny.build(folder)
    paths = [("transformer.Transformer", ""), ("pooling.Pooling", "1_Pooling")]
    paths += [(f"{kind.lower()}.{kind}", f"{row}_{kind}") for row, kind in enumerate(kinds, start=2)]
    named = [{"type": f"sentence_transformers.base.modules.{kind}", "path": path} for kind, path in paths]
    tiny.write_json(folder / "modules.json", named)
    tiny.write_json(folder / "1_Pooling" / "config.json", NEW)
    return folder


def add_dense(
    folder: Path, shape: tuple[int, int], *, activation: str = "Tanh", bias: bool = True
) -> Vectors:
    """Write a Dense module (O, I) with random weights. Return its matrix, with the bias as last column."""
    folder.mkdir()
    out, width = shape
    config = {"in_features": width, "out_features": out, "bias": bias}
    name = f"torch.nn.modules.activation.{activation}"
    tiny.write_json(folder / "config.json", {**config, "activation_function": name})
    drawn = np.random.default_rng(out).normal(0, 0.5, (out, width + 1)).astype(np.float32)
    weights = {"linear.weight": drawn[:, :-1].copy(), "linear.bias": drawn[:, -1].copy()}
    save_file(
        {name: weights[name] for name in weights if bias or "bias" not in name}, folder / "model.safetensors"
    )
    return np.hstack([drawn[:, :-1], drawn[:, -1:] * bias]).astype(np.float64)


def applied(matrix: Vectors, vectors: Vectors) -> Vectors:
    """Apply an affine map in float64: (B, I) -> (B, O)."""
    return vectors @ matrix[:, :-1].T + matrix[:, -1]


def unit(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


@pytest.fixture
def pooled(tmp_path: Path) -> Vectors:
    """The vectors of the tiny model without further modules."""
    model = embeddings.load(tiny.build(tmp_path / "plain"))
    return model.encode(TEXTS, normalize_embeddings=False).astype(np.float64)


FUNCTIONS: dict[str, Callable[[Vectors], Vectors]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "GELU": np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    "SiLU": lambda x: x / (1 + np.exp(-x)),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_dense(tmp_path: Path, pooled: Vectors, activation: str, bias: bool) -> None:
    """An affine map, then the activation that the folder names; checked in NumPy, float64."""
    folder = with_modules(tmp_path / "model", "Dense")
    matrix = add_dense(folder / "2_Dense", (24, WIDTH), activation=activation, bias=bias)
    model = embeddings.load(folder)
    expected = FUNCTIONS[activation](applied(matrix, pooled))
    np.testing.assert_allclose(model.encode(TEXTS, normalize_embeddings=False), expected, atol=2e-5)
    np.testing.assert_allclose(model.encode(TEXTS), unit(expected), atol=2e-5)
    assert model.dimension == 24


def test_order(tmp_path: Path, pooled: Vectors) -> None:
    """Modules apply in the folder's order. A Normalize at the end is left to the option of ``encode``."""
    folder = with_modules(tmp_path / "model", "Normalize", "Dense", "Dense", "Normalize")
    wide = add_dense(folder / "3_Dense", (40, WIDTH))
    narrow = add_dense(folder / "4_Dense", (8, 40), activation="Identity", bias=False)
    model = embeddings.load(folder)
    expected = applied(narrow, np.tanh(applied(wide, unit(pooled))))
    np.testing.assert_allclose(model.encode(TEXTS, normalize_embeddings=False), expected, atol=2e-5)
    np.testing.assert_allclose(model.encode(TEXTS), unit(expected), atol=2e-5)
    np.testing.assert_allclose(model.encode(TEXTS, truncate_dim=3), unit(expected[:, :3]), atol=2e-5)
    with pytest.raises(embeddings.InputError, match="from 1 to 8"):
        model.encode(TEXTS, truncate_dim=9)
    assert {name for name in model.parameters() if "Dense" in name} == {
        "3_Dense.linear.weight",
        "3_Dense.linear.bias",
        "4_Dense.linear.weight",
    }


def test_the_cache_knows_the_modules(tmp_path: Path) -> None:
    """Another activation and another weight of a Dense module are another key."""
    for name, activation in (("tanh", "Tanh"), ("relu", "ReLU"), ("other", "Tanh")):
        add_dense(with_modules(tmp_path / name, "Dense") / "2_Dense", (WIDTH, WIDTH), activation=activation)
    config = tmp_path / "other" / "2_Dense" / "config.json"
    tiny.edit_json(config, bias=False)
    save_file({"linear.weight": np.eye(WIDTH, dtype=np.float32)}, config.parent / "model.safetensors")
    with embeddings.VectorCache(tmp_path / "cache") as cache:
        for name in ("tanh", "relu", "other", "tanh"):
            model = embeddings.load(tmp_path / name)
            np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), model.encode(TEXTS))


@pytest.mark.parametrize(
    ("declared", "pooling"),
    [
        ({"embedding_dimension": WIDTH, "pooling_mode": "cls"}, "first"),
        ({**NEW, "pooling_mode": "lasttoken"}, "last"),
        ({**NEW, "pooling_mode": ["mean"]}, "mean"),
        ({**NEW, "word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}, "mean"),
        ({"word_embedding_dimension": WIDTH, "pooling_mode_cls_token": True}, "first"),
    ],
)
def test_spellings_of_the_pooling(tmp_path: Path, declared: dict[str, Any], pooling: str) -> None:
    folder = with_modules(tmp_path / "model")
    tiny.write_json(folder / "1_Pooling" / "config.json", declared)
    assert embeddings.load(folder).recipe.pooling == pooling


def _pooling(**changes: Any) -> Change:
    return lambda folder: tiny.write_json(folder / "1_Pooling" / "config.json", NEW | changes)


def _dense(**changes: Any) -> Change:
    return lambda folder: tiny.edit_json(folder / "2_Dense" / "config.json", **changes)


def _modules(*kinds: str, path: str = "") -> Change:
    named = [{"type": kind, "path": path if row == 0 else "1_Pooling"} for row, kind in enumerate(kinds)]
    return lambda folder: tiny.write_json(folder / "modules.json", named)


OURS = "sentence_transformers.models."
TRANSFORMER, POOLING = f"{OURS}Transformer", f"{OURS}Pooling"
REFUSED: dict[str, tuple[Change, str, str]] = {  # name -> change, file named, words of the message
    "an unknown word": (_pooling(pooling_mode="average"), "1_Pooling/config.json", "got 'average'"),
    "a pooling that is not here": (_pooling(pooling_mode="max"), "1_Pooling/config.json", "got 'max'"),
    "two words": (_pooling(pooling_mode=["cls", "mean"]), "1_Pooling/config.json", "exactly one pooling"),
    "no word": (_pooling(pooling_mode=[]), "1_Pooling/config.json", "exactly one pooling"),
    "not a word": (_pooling(pooling_mode=3), "1_Pooling/config.json", "must be a word, got 3"),
    "two spellings that differ": (
        _pooling(pooling_mode_cls_token=True),
        "1_Pooling/config.json",
        "pooling_mode says ['mean'], the flags ['cls']",
    ),
    "a flag that is no flag": (
        _pooling(pooling_mode_cls_token="yes"),
        "1_Pooling/config.json",
        "pooling_mode_cls_token must be of type bool",
    ),
    "two widths": (
        _pooling(word_embedding_dimension=8),
        "1_Pooling/config.json",
        "word_embedding_dimension 8 is not",
    ),
    "the prompt not pooled": (
        _pooling(include_prompt=False),
        "1_Pooling/config.json",
        "include_prompt must be",
    ),
    "an unknown key": (_pooling(attentive=True), "1_Pooling/config.json", "unknown key 'attentive'"),
    "an unknown activation": (
        _dense(activation_function="torch.nn.modules.activation.Mish"),
        "2_Dense/config.json",
        "activation.Mish'",
    ),
    "an activation of its own": (
        _dense(activation_function="mine.Tanh"),
        "2_Dense/config.json",
        "got 'mine.Tanh'",
    ),
    "no activation": (
        _dense(activation_function=None),
        "2_Dense/config.json",
        "'activation_function' is missing",
    ),
    "a residual": (_dense(use_residual=True), "2_Dense/config.json", "use_residual must be False"),
    "a module of tokens": (
        _dense(module_input_name="token_embeddings"),
        "2_Dense/config.json",
        "module_input_name must be 'sentence_embedding'",
    ),
    "another width": (_dense(in_features=8), "2_Dense/config.json", "in_features 8 is not 16"),
    "another shape": (
        _dense(out_features=8),
        "2_Dense/model.safetensors",
        "linear.weight must have shape (8, 16)",
    ),
    "a bias too many": (_dense(bias=False), "2_Dense/model.safetensors", "first 'linear.bias'"),
    "no weights": (
        lambda f: (f / "2_Dense/model.safetensors").unlink(),
        "2_Dense/model.safetensors",
        "no such",
    ),
    "no config": (lambda f: (f / "2_Dense/config.json").unlink(), "2_Dense/config.json", "no such file"),
    "code of its own": (
        _modules("custom_st.Transformer", POOLING),
        "modules.json",
        "'custom_st.Transformer' is not a class of sentence-transformers",
    ),
    "another kind": (_modules(TRANSFORMER, POOLING, f"{OURS}LSTM"), "modules.json", "'Pooling', 'LSTM']"),
    "no pooling": (_modules(TRANSFORMER), "modules.json", "got ['Transformer']"),
    "two poolings": (_modules(TRANSFORMER, POOLING, POOLING), "modules.json", "'Pooling', 'Pooling']"),
    "a folder of its own": (
        _modules(TRANSFORMER, POOLING, path="0_Transformer"),
        "modules.json",
        "not in '0_Transformer'",
    ),
    "a path outside": (
        _modules(TRANSFORMER, POOLING, path="../other"),
        "modules.json",
        "leads out of the folder",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """What is unknown, contradictory or not supported is an error that names the file and the key."""
    change, file, words = REFUSED[name]
    folder = with_modules(tmp_path / "model", "Dense")
    add_dense(folder / "2_Dense", (WIDTH, WIDTH))
    embeddings.load(folder)
    change(folder)
    with pytest.raises(embeddings.ModelError) as caught:
        embeddings.load(folder)
    assert str(caught.value).startswith(f"{folder / file}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
