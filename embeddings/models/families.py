"""The supported families of decoders: the mlx-lm module of each, and the config.json values it supports.

A family or a value of config.json is listed here only if the hidden states agreed with those of transformers
(tests/embeddings/test_decoder.py and test_families.py). Everything else is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.errors import DamagedModel, UnsupportedModel

__all__ = ["FAMILIES", "REFUSED", "Family"]

_ROPES: Mapping[str, frozenset[str]] = {  # kind of rope -> the keys that it needs, all of them
    "default": frozenset(),
    "llama3": frozenset(
        "factor low_freq_factor high_freq_factor original_max_position_embeddings".split()
    ),  # mlx-lm and transformers use different defaults for a missing key
}
_COMMON: Mapping[str, Any] = {
    "attention_dropout": 0.0,
    "is_decoder": True,
    "pretraining_tp": 1,
    "rope_interleaved": False,
    "rope_traditional": False,  # only mlx-lm has this key
    "use_sliding_window": False,
}
_SILU: Mapping[str, Any] = {**_COMMON, "hidden_act": "silu"}
_NO_BIAS: Mapping[str, Any] = {"attention_bias": False, "mlp_bias": False}


@dataclass(frozen=True)
class Family:
    """The properties of the trunk of one model_type.

    module: the name of the module in mlx_lm.models.
    fixed: key of config.json -> the one value that the trunk implements, or a tuple of them.
    required: numbers that must be declared, because implementations have different defaults.
    harmless: keys that only this family has and that do not affect the hidden states.
    ropes: supported kinds of rotary scaling.
    window: the sliding window if config.json does not declare one. None: no window.
    plain: True if the trunk only embeds, runs its layers and normalises. Then ``Decoder.walk`` may run it
        layer by layer with any mask. This was shown for the families that a non-causal recipe is for.
    """

    module: str
    fixed: Mapping[str, Any]
    required: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    ropes: frozenset[str] = frozenset({"default"})
    window: int | None = None
    plain: bool = False

    def rope(self, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``rope_theta`` and ``rope_scaling``. Transformers 5 writes both as ``rope_parameters``.

        Raises:
            DamagedModel: theta is declared twice with different values.
            UnsupportedModel: parity was not shown for this kind of scaling or for one of its keys.

        """
        thetas = {declared["rope_theta"]} if declared.get("rope_theta") is not None else set()
        scaling: dict[str, Any] = {}
        for key in ("rope_scaling", "rope_parameters"):
            rope = dict(declared.get(key) or {})
            kind = rope.get("rope_type", rope.get("type", "default"))
            needs = _ROPES[kind] if kind in self.ropes else None
            if needs is None or rope.keys() - {"rope_type", "type", "rope_theta"} != needs:
                raise UnsupportedModel(
                    where,
                    f"{key} {declared[key]!r} is not supported",
                    hint="use a model without it, or add parity for it",
                )
            if rope.get("rope_theta") is not None:
                thetas.add(rope["rope_theta"])
            if needs:
                scaling = {**{name: rope[name] for name in needs}, "rope_type": kind}
        if len(thetas) > 1:
            raise DamagedModel(
                where, f"rope_theta is declared twice, as {sorted(thetas)}", hint="correct the file"
            )
        return {"rope_theta": thetas.pop() if thetas else 10_000.0, "rope_scaling": scaling or None}

    def check_window(self, where: object, declared: Mapping[str, Any], positions: int) -> None:
        """Refuse a sliding window that is shorter than the positions.

        Every layer of these trunks attends to all positions. Up to the window the result is the same.

        Raises:
            UnsupportedModel: the window is shorter than the positions, or a layer has another type than full
                or sliding attention.

        """
        window, kinds = declared.get("sliding_window", self.window), set(declared.get("layer_types") or ())
        if unknown := kinds - {"full_attention", "sliding_attention"}:
            raise UnsupportedModel(
                where, f"layer_types {sorted(unknown)} are not supported", hint="use another model"
            )
        slides = (
            "sliding_attention" in kinds
            if kinds
            else window is not None and declared.get("use_sliding_window", True)
        )
        if slides and positions > (window or 0):
            raise UnsupportedModel(
                where,
                f"sliding windows are not supported, and one of {window} hides some of {positions} positions",
                hint="lower max_position_embeddings to sliding_window: so far it hides nothing",
            )


FAMILIES: Mapping[str, Family] = {
    "qwen3": Family("qwen3", {**_SILU, **_NO_BIAS}, plain=True),
    "llama": Family("llama", _SILU, ropes=frozenset(_ROPES)),
    "mistral": Family("llama", {**_SILU, **_NO_BIAS}, window=4096),
    "gemma2": Family(
        "gemma2",
        {
            **_COMMON,
            **_NO_BIAS,
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_activation": "gelu_pytorch_tanh",
            "use_bidirectional_attention": (False, None),  # transformers 5 writes null
        },
        required=frozenset({"attn_logit_softcapping", "query_pre_attn_scalar"}),
        harmless=frozenset({"cache_implementation"}),
        window=4096,
    ),
}

# model_type -> why its trunk in mlx-lm is not used. On a checkpoint with one layer, hidden states differed
# from those of transformers by 4.0e-4 (gemma). For the families above they differed by 4e-7 to 5.8e-5.
# mlx-lm's Gemma 3 differed by 3.7e-3, so it is in gemma3.py.
REFUSED: Mapping[str, str] = {
    "gemma": "mlx-lm runs it with the exact GELU, its weights were trained with the tanh approximation",
}
