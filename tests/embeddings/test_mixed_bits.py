"""Quantized folders as mlx-lm writes them: other bits for one layer, float formats, layers left as they are.

mlx-lm converts the tiny decoder of fixtures/. The expected vectors are those of the same decoder in floats,
whose matrices mx.dequantize unpacked by the statement that was asked for.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlx_lm.utils import load_model, quantize_model, save_config, save_model

import embeddings
from embeddings.backend import mx
from tests.support.tiny_decoders import FLOAT, TEXTS, copy_of

FOUR, EIGHT = {"group_size": 32, "bits": 4, "mode": "affine"}, {"group_size": 32, "bits": 8, "mode": "affine"}
ONE, TABLE = "model.layers.0.mlp.down_proj", "model.embed_tokens"

Choice = Callable[[str], Any]  # name of a layer -> its statement, True for the default, False for floats


def converted(folder: Path, default: dict[str, Any], choose: Choice) -> Path:
    """Convert the tiny decoder by mlx-lm, in float32, with a choice for each layer."""
    copy_of(FLOAT, folder)
    plain = mx.load(str(FLOAT / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    assert isinstance(plain, dict)
    mx.save_safetensors(str(folder / "model.safetensors"), {f"model.{name}": plain[name] for name in plain})
    model, config = load_model(folder, strict=False)
    made, config = quantize_model(
        model,
        config,
        default["group_size"],
        default["bits"],
        mode=default["mode"],
        quant_predicate=lambda name, _: choose(name),
    )
    save_model(folder, made, donate_model=False)
    save_config(config, folder / "config.json")
    return folder


def in_floats(folder: Path, default: dict[str, Any], choose: Choice) -> Path:
    """Write the decoder with each matrix packed and unpacked again by its statement."""
    copy_of(FLOAT, folder)
    weights = mx.load(str(FLOAT / "model.safetensors"))
    assert isinstance(weights, dict)
    for name, weight in weights.items():
        said = choose(f"model.{name.removesuffix('.weight')}") if weight.ndim == 2 else False
        if said:
            packing = default if said is True else said
            unpacked = mx.dequantize(*mx.quantize(weight, **packing), **packing)
            weights[name] = unpacked.astype(mx.float32)
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    return folder


CHOICES: dict[str, tuple[dict[str, Any], Choice]] = {
    "all alike": (FOUR, lambda _: True),
    "said again for a layer": (FOUR, lambda name: FOUR if name == ONE else True),
    "other bits for a layer": (FOUR, lambda name: EIGHT if name == ONE else True),
    "other groups for a layer": (EIGHT, lambda name: {**EIGHT, "group_size": 64} if name == ONE else True),
    "a layer in floats": (FOUR, lambda name: name != ONE),
    "the table in floats": (FOUR, lambda name: name != TABLE),
    "other bits for the table": (FOUR, lambda name: EIGHT if name == TABLE else True),
    "mxfp4": ({"group_size": 32, "bits": 4, "mode": "mxfp4"}, lambda _: True),
    "mxfp8": ({"group_size": 32, "bits": 8, "mode": "mxfp8"}, lambda _: True),
    "nvfp4": ({"group_size": 16, "bits": 4, "mode": "nvfp4"}, lambda _: True),
    "two modes": ({"group_size": 32, "bits": 8, "mode": "mxfp8"}, lambda name: FOUR if name == ONE else True),
}


@pytest.mark.parametrize("name", CHOICES)
def test_as_mlx_lm_writes_it(tmp_path: Path, name: str) -> None:
    """All of these were equal to the last bit (float32, a CPU)."""
    default, choose = CHOICES[name]
    folder = converted(tmp_path / "packed", default, choose)
    expected = embeddings.load(in_floats(tmp_path / "floats", default, choose)).encode(TEXTS)
    found = embeddings.load(folder).encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - embeddings.load(FLOAT).encode(TEXTS)).max() > 1e-3  # it is quantized indeed


def _said(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))

    return changed


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no statement for the layer": (
        _said(lambda c: [c[key].pop(ONE) for key in c if key.startswith("quant")]),
        "shape",
    ),
    "another statement": (_said(lambda c: c["quantization_config"].pop(ONE)), "quantization_config differ"),
    "floats, it says": (
        _said(lambda c: c["quantization"].update({ONE: False})),
        "quantization_config differ",
    ),
    "an unknown layer": (
        _said(
            lambda c: [c[key].update({"model.layers.9.mlp": EIGHT}) for key in c if key.startswith("quant")]
        ),
        "names layers.9.mlp, which is no matrix",
    ),
    "an unknown mode": (_said(lambda c: c["quantization"].update(mode="mxfp6")), "mxfp6.* is not supported"),
    "bits that no mode has": (_said(lambda c: c["quantization"].update(bits=7)), "is not supported"),
    "an unknown key": (_said(lambda c: c["quantization"].update(global_scale=2)), "is not supported"),
    "another program's": (
        _said(lambda c: (c.pop("quantization"), c.update(quantization_config={"quant_method": "awq"}))),
        "awq.*convert the model with mlx-lm",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """What contradicts the weights or itself, and what is unknown, is one line that names the place."""
    change, words = REFUSED[name]
    folder = converted(tmp_path / "packed", *CHOICES["other bits for a layer"])
    change(folder)
    with pytest.raises(embeddings.ModelError, match=words) as caught:
        embeddings.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
