"""Make a tiny checkpoint of each decoder family, with golden hidden states: part of ``make golden``.

A family is one file, ``fixtures/families/NAME.safetensors``. It holds random weights (NumPy, seeded; float16
holds them exactly), golden states of transformers' own class in float64, and config.json in the metadata.
This file imports nothing from ``embeddings``.
"""

import json
from collections.abc import Sequence
from importlib import metadata

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModel

from tests.reference.make_decoder_golden import FIXTURES, LENGTHS, kept

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
    "mlp_bias": False,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "vocab_size": 260,
}
LLAMA_3 = {  # covers every wavelength range of the scaling: short, long, and between
    **LLAMA,
    "attention_bias": True,
    "mlp_bias": True,
    "max_position_embeddings": 131072,
    "rope_theta": 500000.0,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
}
MISTRAL = {
    "model_type": "mistral",
    "architectures": ["MistralModel"],
    "attention_dropout": 0.0,
    "head_dim": 24,
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "sliding_window": 4096,
    "tie_word_embeddings": False,
    "vocab_size": 260,
}
GEMMA = {  # width 72: its square root, the scale of the embeddings, is not exact in bfloat16
    "model_type": "gemma",
    "architectures": ["GemmaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "head_dim": 24,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 72,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0,
    "vocab_size": 260,
}
GEMMA_2 = {
    **GEMMA,
    "model_type": "gemma2",
    "architectures": ["Gemma2ForCausalLM"],
    "attn_logit_softcapping": 5.0,
    "cache_implementation": "hybrid",
    "final_logit_softcapping": 30.0,
    "query_pre_attn_scalar": 36,
    "sliding_window": 4096,
}
GEMMA_3 = {
    **GEMMA,
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "num_hidden_layers": 1,
    "query_pre_attn_scalar": 36,
    "rope_local_base_freq": 10000.0,
    "rope_theta": 1000000.0,
    "sliding_window": 4096,
    "sliding_window_pattern": 1,
}
CONFIGS = {
    "llama": LLAMA,
    "llama-3": LLAMA_3,
    "mistral": MISTRAL,
    "gemma": {**GEMMA, "num_hidden_layers": 1},
    "gemma2": GEMMA_2,
    "gemma3": GEMMA_3,
}
SHORT = (1, 17, 64)  # for families that mlx-lm runs differently: these lengths are enough to show it


def draw_weights(model: torch.nn.Module, *, gemma: bool) -> dict[str, np.ndarray]:
    """Return seeded float16 weights for every parameter of a model, under their names in a checkpoint."""
    draw = np.random.default_rng(30)
    found = {}
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        weight = draw.normal(size=shape)
        if "embed" in name or "relative" in name:
            weight *= 0.2 if gemma else 1.0  # gemma scales its embeddings
        elif len(shape) == 2:
            weight *= shape[1] ** -0.5
        elif name.endswith(".bias"):
            weight *= 0.3
        else:
            weight = 0.3 * weight + (0 if gemma else 1)  # gemma stores the weight minus 1
        found[name] = weight.astype(np.float16)
    return found


def write_family(
    name: str, config: dict[str, object], lengths: Sequence[int], within: int | None = None
) -> None:
    """Give a model of transformers random weights, and store them and its hidden states."""
    gemma = str(config["model_type"]).startswith("gemma")
    declared = AutoConfig.for_model(**config)
    if name == "gemma2":
        declared._attn_implementation = "eager"  # the default ignores the soft cap; softmax is in float32
    model = AutoModel.from_config(declared).double().eval()
    weights = draw_weights(model, gemma=gemma)
    model.load_state_dict({name: torch.from_numpy(weight).double() for name, weight in weights.items()})
    write_golden(name, config, model, weights, lengths=lengths, within=within)


def write_golden(
    name: str,
    config: dict[str, object],
    model: torch.nn.Module,
    weights: dict[str, np.ndarray],
    *,
    lengths: Sequence[int],
    within: int | None = None,
) -> None:
    """Run a model in float64 and store its weights and the hidden states.

    within: a token that each sequence of more than two tokens holds.
    """
    golden = {f"weights.{name}": weight for name, weight in weights.items()}
    draw = np.random.default_rng(31)
    largest = 0.0
    for length in lengths:
        ids = draw.integers(config["vocab_size"], size=length)
        if within is not None and length > 2:
            ids[length // 3] = within
        with torch.no_grad():
            hidden = model(torch.from_numpy(ids)[None]).last_hidden_state[0].numpy()
        golden[f"ids.{length}"] = ids.astype(np.int32)
        golden[f"positions.{length}"] = kept(length)
        golden[f"hidden.{length}"] = hidden[kept(length)].astype(np.float32)
        largest = max(largest, float(np.abs(hidden).max()))
    made_by = {package: metadata.version(package) for package in ("transformers", "torch")}
    path = FIXTURES / "families" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(golden, path, metadata={**made_by, "precision": "float64", "config.json": json.dumps(config)})
    print(f"{path.name}: {path.stat().st_size} bytes, {type(model).__name__}, states up to {largest:.1f}")


def main() -> None:
    """Write the file of every family."""
    for name, config in CONFIGS.items():
        write_family(name, config, SHORT if name in ("gemma", "gemma3") else LENGTHS)


if __name__ == "__main__":
    main()
