"""The roofline: FLOPs by hand, chips by their names, and a table of peaks that is what it says."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import embeddings
from embedding_gate import own_files
from embedding_gate.errors import FixtureError, InputError
from embedding_gate.roofline import (
    ENCODERS,
    Device,
    find_device,
    flops_per_token,
    linear_flops_per_token,
    mfu,
    read_devices,
)
from embeddings.models import ENCODERS as ARCHITECTURES
from embeddings.synthetic import config_of

DEVICES = read_devices(own_files.FIXTURES / "devices.toml")
TOY = {
    "hidden_size": 2,
    "num_hidden_layers": 3,
    "intermediate_size": 5,
    "head_dim": 7,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
}


@pytest.mark.parametrize(("size", "giga"), [("0.6b", 0.88), ("4b", 7.27), ("8b", 13.9)])
def test_flops_of_decoders(size: str, giga: float) -> None:
    config = config_of(f"synthetic:qwen3-embedding-{size}")
    assert linear_flops_per_token(config) == pytest.approx(giga * 1e9, rel=0.01)


def test_flops_of_the_embedded_model() -> None:
    config = json.loads((embeddings.load().path / "config.json").read_text())
    # a layer: four of 384 x 384, two of 384 x 1536
    assert linear_flops_per_token(config) == 2 * 6 * (4 * 384**2 + 2 * 384 * 1536) == 21_233_664
    # a token of 10 sees them all; each costs 384 products and sums for its score and as many for its value
    assert flops_per_token(config, 10) - linear_flops_per_token(config) == 6 * 10 * (2 * 384 + 2 * 384)


def test_flops_by_hand() -> None:
    # a layer: queries 2x28, keys 2x7, values 2x7, output 28x2, and three of 2x5
    assert linear_flops_per_token(TOY) == 2 * 3 * (56 + 14 + 14 + 56 + 30)
    # a token of 10 sees 5 on average; each costs 28 products and sums for its score and as many for its value
    assert flops_per_token(TOY, 10) - linear_flops_per_token(TOY) == 3 * 5 * (2 * 28 + 2 * 28)
    assert mfu(1000, 5e9, 10e12) == 0.5


@pytest.mark.parametrize(
    ("kind", "matrices"),
    [("bert", 2), ("mpnet", 2), ("xlm-roberta", 2), ("modernbert", 3), ("nomic_bert", 3), ("gemma3_text", 3)],
)
def test_flops_of_encoders(kind: str, matrices: int) -> None:
    config = {**TOY, "model_type": kind}
    assert linear_flops_per_token(config) == 2 * 3 * (56 + 14 + 14 + 56 + matrices * 10)
    # a token of 10 sees them all
    assert flops_per_token(config, 10) - linear_flops_per_token(config) == 3 * 10 * (2 * 28 + 2 * 28)


def test_the_judge_knows_each_encoder_of_the_library() -> None:
    """It has a list of its own. An encoder that it lacks would be taken for a decoder."""
    assert frozenset(ARCHITECTURES) == ENCODERS


def test_a_window_is_counted_for_all_layers() -> None:
    config = {**TOY, "model_type": "modernbert", "local_attention": 4}
    assert flops_per_token(config, 10) - linear_flops_per_token(config) == 3 * 4 * (2 * 28 + 2 * 28)
    assert flops_per_token(config, 3) - linear_flops_per_token(config) == 3 * 3 * (2 * 28 + 2 * 28)


def test_the_older_keys_of_nomic_bert() -> None:
    older = {"n_embd": 12, "n_layer": 3, "n_inner": 5, "n_head": 4, "model_type": "nomic_bert"}
    assert linear_flops_per_token(older) == 2 * 3 * 12 * (16 * 3 + 3 * 5)


def test_what_a_configuration_leaves_out() -> None:
    """Heads of an equal part of the width, as many for keys as for queries; a size has no such default."""
    whole = {**TOY, "hidden_size": 28, "num_key_value_heads": 4}
    short = {key: value for key, value in whole.items() if key not in ("head_dim", "num_key_value_heads")}
    assert linear_flops_per_token(short) == linear_flops_per_token(whole)
    with pytest.raises(InputError, match=r"config\.json: intermediate_size must be a whole number above 0"):
        linear_flops_per_token({**TOY, "intermediate_size": None})


@pytest.mark.parametrize(
    ("chip", "name"),
    [
        ("Apple M3", "M3"),
        ("Apple M3 Max", "M3 Max"),
        ("Apple M3 Ultra", "M3 Ultra"),
        ("Apple M30", None),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA L40S", None),
        ("NVIDIA L4", "L4"),
        ("Tesla T4", "T4"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("Intel(R) Xeon(R) Platinum", None),
    ],
)
def test_a_chip_is_known_by_its_name(chip: str, name: str | None) -> None:
    found = find_device(DEVICES, chip)
    assert (found.name if found else None) == name


def test_a_larger_chip_that_is_not_listed_is_none() -> None:
    """M3's peak would call a right figure of an M3 Max impossible."""
    assert find_device([one for one in DEVICES if one.name == "M3"], "Apple M3 Max") is None


def test_what_a_chip_allows() -> None:
    device = Device("X", "Y", ("X",), "2024-01", {"float32": 1e12, "float16": 2e12}, "z")
    assert device.best == 2e12
    assert device.allows(2000, 1e9)
    assert not device.allows(2001, 1e9)
    assert not device.allows(float("nan"), 1e9)


GOOD = """
[[device]]
name = "X"
family = "Y"
chips = ["X"]
released = "2024-01"
peaks = {float32 = 1e12}
source = "z"
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('source = "z"', "", "keys unknown or missing: source"),
        ('source = "z"', 'source = ""', "source is empty"),
        ('source = "z"', 'source = "z"\npeek = 1', "keys unknown or missing: peek"),
        ('released = "2024-01"', 'released = "2024-13"', "released must be year-month"),
        ("float32 = 1e12", "float32 = -1.0", "each above 0"),
        ("float32 = 1e12", "float31 = 1e12", "peaks must be of"),
        ("float32 = 1e12", 'float32 = "many"', "could not convert"),
        ('source = "z"', 'source = "z"\nbandwidth = -1.0', "bandwidth must be above 0"),
        ('source = "z"', f'source = "z"\n{GOOD}', "same name"),
        ("[[device]]", "[[devices]]", "must hold"),
        ("[[device]]", "[[", "malformed"),
    ],
)
def test_malformed(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(GOOD)
    assert read_devices(path)[0].best == 1e12
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(FixtureError, match=words) as error:
        read_devices(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="malformed"):
        read_devices(tmp_path / "none.toml")


def peaks_of(family: str) -> dict[str, Any]:
    return {device.name: device for device in DEVICES if device.family == family}


@pytest.mark.parametrize("family", ["Apple M1", "Apple M2", "Apple M3", "Apple M4", "Apple M5"])
def test_a_larger_chip_does_more(family: str) -> None:
    """Within a generation, in float32, in the best precision and in bandwidth."""
    members = peaks_of(family)
    order = [
        members[name] for word in ("", " Pro", " Max", " Ultra") if (name := family[6:] + word) in members
    ]
    assert len(order) >= 2
    assert len(order) == len(members)
    for small, large in pairwise(order):
        assert small.best < large.best
        assert small.peaks["float32"] < large.peaks["float32"]
        assert small.bandwidth <= large.bandwidth


def test_a_later_chip_does_no_less() -> None:
    for word in ("", " Pro", " Max"):
        listed = [device for n in range(1, 6) for device in DEVICES if device.name == f"M{n}{word}"]
        assert listed == sorted(listed, key=lambda device: device.released)
        assert [device.best for device in listed] == sorted(device.best for device in listed)


def test_shorter_floats_are_no_slower() -> None:
    for device in DEVICES:
        assert device.best == max(device.peaks["float16"], device.peaks.get("bfloat16", 0)), device.name
        assert device.peaks["float32"] <= device.peaks["float16"], device.name
