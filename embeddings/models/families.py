"""What is known of each family of decoders: the module of mlx-lm that runs it, and where that is right.

A family, or a value that a config.json of it may declare, is here if hidden states then agreed with
transformers' (tests/embeddings/test_decoder.py and test_families.py); everything else is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.errors import DamagedModel, UnsupportedModel

__all__ = ["FAMILIES", "REFUSED", "Family"]

_ROPES: Mapping[str, frozenset[str]] = {  # kind of rope -> the keys that it needs, each of them
    "default": frozenset(),
    "llama3": frozenset(
        "factor low_freq_factor high_freq_factor original_max_position_embeddings".split()
    ),  # mlx-lm and transformers disagree on what a missing one means
}
_COMMON: Mapping[str, Any] = {
    "attention_dropout": 0.0,
    "is_decoder": True,
    "pretraining_tp": 1,
    "rope_interleaved": False,
    "rope_traditional": False,  # mlx-lm alone knows this one
    "use_sliding_window": False,
}
_SILU: Mapping[str, Any] = {**_COMMON, "hidden_act": "silu"}
_NO_BIAS: Mapping[str, Any] = {"attention_bias": False, "mlp_bias": False}


@dataclass(frozen=True)
class Family:
    """What the trunk of one model_type does.

    module: of mlx_lm.models.
    fixed: key of config.json -> the one value that the trunk implements.
    required: numbers that must be declared, because implementations differ in what they take for granted.
    harmless: keys that only this family has, and that shape no hidden state.
    ropes: kinds of rotary scaling.
    window: the sliding window where config.json says nothing of it; None for none.
    plain: its trunk embeds, runs its layers and normalises, and nothing else; so it may be walked, under any
        mask. Shown for those that a recipe without the causal mask is for.
    """

    module: str
    fixed: Mapping[str, Any]
    required: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    ropes: frozenset[str] = frozenset({"default"})
    window: int | None = None
    plain: bool = False

    def rope(self, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``rope_theta`` and ``rope_scaling``, which transformers 5 writes as ``rope_parameters``.

        Raises:
            DamagedModel: theta is declared twice, and differently.
            UnsupportedModel: a kind of scaling, or a key of one, that parity was not shown for.

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

        Every layer of these trunks attends to all positions: up to the window it comes to the same.

        Raises:
            UnsupportedModel: see above, or a layer is of another type than these two.

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
            "use_bidirectional_attention": False,
        },
        required=frozenset({"attn_logit_softcapping", "query_pre_attn_scalar"}),
        harmless=frozenset({"cache_implementation"}),
        window=4096,
    ),
}

# model_type -> why its trunk in mlx-lm is not run. On a checkpoint of one layer hidden states strayed from
# transformers' by 4.0e-4 (gemma) and 3.7e-3 (gemma3_text); those of the families above by 4e-7 to 5.8e-5.
REFUSED: Mapping[str, str] = {
    "gemma": "mlx-lm runs it with the exact GELU, its weights were trained with the tanh approximation",
    "gemma3_text": "mlx-lm rounds the scale of its embeddings to bfloat16",
}
