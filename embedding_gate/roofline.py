"""The roofline (Williams, Waterman and Patterson 2009): which speeds a device's peak allows.

A rate times the FLOPs of one token is the speed that a device achieved. If it is above the published peak,
the rate is wrong: padding or cached texts were counted, or the clock stopped too early.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedding_gate.errors import FixtureError, InputError

__all__ = [
    "ENCODERS",
    "Device",
    "find_device",
    "flops_per_token",
    "linear_flops_per_token",
    "mfu",
    "read_devices",
]

_PLAIN = frozenset({"bert", "mpnet", "xlm-roberta"})  # two matrices in the feed-forward part; others: three
ENCODERS = _PLAIN | {
    "gemma3_text",
    "modernbert",
    "nomic_bert",
}  # attention in both directions
_WINDOWS = {"gemma3_text": "sliding_window", "modernbert": "local_attention"}  # the width of local layers
_OLDER = {  # of Nomic BERT as it was published
    "hidden_size": "n_embd",
    "intermediate_size": "n_inner",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
PRECISIONS = frozenset({"float32", "float16", "bfloat16"})
_KEYS = {"name": str, "family": str, "chips": list, "released": str, "peaks": dict, "source": str}
_OPTIONAL = {"bandwidth": float, "estimate": bool}
_LARGER = r"(?!\s+(?:Pro|Max|Ultra|Ti|Super)\b)"  # words after a chip's name that make it another chip


def linear_flops_per_token(config: Mapping[str, Any]) -> int:
    """Return 2 x the parameters of the linear layers: the FLOPs of one token without attention.

    BERT, XLM-RoBERTa and MPNet have two matrices in their feed-forward part. The others have three. Embedding
    table, norms, biases, pooling and what comes after it are left out. So the result is never more than the
    real work.

    Raises:
        InputError: the configuration lacks a size.

    """
    hidden, heads, head_dim = _shape(config)
    layers, inner = _size(config, "num_hidden_layers"), _size(config, "intermediate_size")
    rows = 2 * heads + 2 * _size(config, "num_key_value_heads", heads)  # queries, output; keys, values
    return 2 * layers * hidden * (rows * head_dim + (2 if config.get("model_type") in _PLAIN else 3) * inner)


def flops_per_token(config: Mapping[str, Any], tokens: float) -> float:
    """Return the FLOPs of one token with attention, for texts of T tokens.

    A token of an encoder attends to T tokens, a token of a decoder to T / 2 on average. If some layers read a
    window, all are counted so, because the result must never be more than the real work. Attention adds 2
    products x 2 FLOPs x layers x (heads x head_dim) x attended tokens. Kaplan et al., "Scaling laws for
    neural language models" (2020), section 2.1, count the scores in the same way. A decoder without its
    causal mask does more work.

    Raises:
        InputError: the configuration lacks a size.

    """
    _, heads, head_dim = _shape(config)
    met = tokens if _is_encoder(config) else tokens / 2
    if window := config.get(_WINDOWS.get(str(config.get("model_type")), "")):
        met = min(met, window)
    return (
        linear_flops_per_token(config) + 2 * 2 * _size(config, "num_hidden_layers") * heads * head_dim * met
    )


def mfu(rate: float, flops: float, peak: float) -> float:
    """Return the used share of the device's matrix multiplication speed: rate x flops / peak.

    rate: tokens/s. flops: of one token. peak: the best matmul rate in FLOP/s, published or of the same run.
    """
    return rate * flops / peak


@dataclass(frozen=True)
class Device:
    """The published facts of a chip.

    family: the class of the chip, such as "Apple M3".
    chips: words that identify the chip in its own name.
    released: year and month, "2024-10".
    peaks: precision -> dense FLOP/s, with matrix units if there are any, without sparsity.
    bandwidth: of its memory, bytes/s. Infinite if it is not listed.
    estimate: whether a peak is an estimate. An estimate is a high one.
    """

    name: str
    family: str
    chips: tuple[str, ...]
    released: str
    peaks: Mapping[str, float]
    source: str
    bandwidth: float = math.inf
    estimate: bool = False

    @property
    def best(self) -> float:
        """The largest peak of all precisions, FLOP/s."""
        return max(self.peaks.values())

    def allows(self, rate: float, flops: float) -> bool:
        """Return whether the chip can do ``rate`` tokens/s with ``flops`` FLOPs each. NaN gives False."""
        return mfu(rate, flops, self.best) <= 1


def find_device(devices: Iterable[Device], chip: str) -> Device | None:
    """Return the listed device whose name is in a chip's own name (the longest match), or None.

    Names match by whole words. "M3" does not match "M3 Max": a chip that is not listed gives None.
    """
    found = [
        (len(name), device)
        for device in devices
        for name in device.chips
        if re.search(rf"\b{re.escape(name)}\b{_LARGER}", chip, re.IGNORECASE)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def read_devices(path: Path) -> tuple[Device, ...]:
    """Read the published peaks.

    Raises:
        FixtureError: the file is missing or malformed.

    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if content.keys() != {"device"}:
            raise ValueError(f"must hold [[device]] tables and nothing else, got {sorted(content)}")
        devices = tuple(_device(entry) for entry in content["device"])
        names = [name.casefold() for device in devices for name in device.chips]
        if len(set(names)) < len(names):
            raise ValueError("two devices go by the same name")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint="restore the file") from error
    return devices


def _device(entry: Mapping[str, Any]) -> Device:
    name = entry.get("name", "a device without a name")
    if wrong := (entry.keys() - _KEYS.keys() - _OPTIONAL.keys()) | (_KEYS.keys() - entry.keys()):
        raise ValueError(f"{name}: keys unknown or missing: {', '.join(sorted(wrong))}")
    for key, value in entry.items():
        kind = {**_KEYS, **_OPTIONAL}[key]
        if not isinstance(value, kind) or not (value or kind is bool):
            raise ValueError(f"{name}: {key} is empty or has the wrong type: {value!r}")
    peaks = {precision: float(peak) for precision, peak in entry["peaks"].items()}
    if peaks.keys() - PRECISIONS or not all(0 < peak < math.inf for peak in peaks.values()):
        raise ValueError(f"{name}: peaks must be of {sorted(PRECISIONS)}, each above 0, got {peaks}")
    if not 0 < entry.get("bandwidth", 1.0) < math.inf:
        raise ValueError(f"{name}: bandwidth must be above 0, got {entry['bandwidth']}")
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", entry["released"]):
        raise ValueError(f"{name}: released must be year-month, got {entry['released']!r}")
    if not all(isinstance(chip, str) and chip for chip in entry["chips"]):
        raise ValueError(f"{name}: chips must be names, got {entry['chips']}")
    return Device(**{**entry, "chips": tuple(entry["chips"]), "peaks": peaks})


def _is_encoder(config: Mapping[str, Any]) -> bool:
    return config.get("model_type") in ENCODERS


def _shape(config: Mapping[str, Any]) -> tuple[int, int, int]:
    hidden, heads = _size(config, "hidden_size"), _size(config, "num_attention_heads")
    return hidden, heads, _size(config, "head_dim", hidden // heads)


def _size(config: Mapping[str, Any], key: str, otherwise: int = 0) -> int:
    """Return a size, or the default if the configuration leaves it out."""
    value = config.get(key) or config.get(_OLDER.get(key, key)) or otherwise
    if not isinstance(value, int) or value < 1:
        raise InputError("config.json", f"{key} must be a whole number above 0, got {value!r}", hint="add it")
    return value
