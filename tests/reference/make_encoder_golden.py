"""Make a tiny checkpoint of each family of encoders, with golden hidden states: part of ``make golden``.

``python -m tests.reference.make_encoder_golden NAME ...`` makes those alone. The files are like those of
make_family_golden.py. The longest sequence has 512 tokens, and local windows are far shorter. The sequences
hold the padding token, as a text may. This file imports nothing from ``embeddings``.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModel

from tests.reference.make_family_golden import draw_weights, write_family, write_golden

LENGTHS = (1, 2, 17, 64, 300, 512)
SIZES = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
}
MPNET = {
    **SIZES,
    "model_type": "mpnet",
    "architectures": ["MPNetForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "relative_attention_num_buckets": 32,
}
XLM_ROBERTA = {
    **MPNET,
    "model_type": "xlm-roberta",
    "architectures": ["XLMRobertaModel"],
    "classifier_dropout": None,
    "output_past": True,
    "position_embedding_type": "absolute",
    "type_vocab_size": 1,
    "use_cache": True,
}
del XLM_ROBERTA["relative_attention_num_buckets"]
MODERNBERT = {  # as it was published: layers 0 and 3 are full, the others read 8 tokens on each side
    **SIZES,
    "model_type": "modernbert",
    "architectures": ["ModernBertModel"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 2,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "eos_token_id": 3,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "hidden_activation": "gelu",
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-05,
    "local_attention": 16,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_hidden_layers": 4,
    "pad_token_id": 1,
    "position_embedding_type": "absolute",
    "sep_token_id": 3,
    "sparse_pred_ignore_index": -100,
    "sparse_prediction": False,
    "tie_word_embeddings": True,
}
GEMMA_3 = {  # two queries share a key; a scale of the scores that is not the usual one
    "model_type": "gemma3_text",
    "architectures": ["Gemma3TextModel"],
    "_sliding_window_pattern": 3,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "attn_logit_softcapping": None,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "final_logit_softcapping": None,
    "head_dim": 16,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 32,  # its square root, the scale of the embeddings, is not exact in bfloat16
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
    "max_position_embeddings": 2048,
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "query_pre_attn_scalar": 24,
    "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000.0,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "sliding_window": 16,
    "use_bidirectional_attention": True,
    "use_cache": True,
    "vocab_size": 260,
}
CONFIGS = {"mpnet": MPNET, "xlm-roberta": XLM_ROBERTA, "modernbert": MODERNBERT, "gemma3-both-ways": GEMMA_3}
ENCODERS = (*CONFIGS, "nomic")
NOMIC = {  # as transformers 5 reads it; the weights below have their published names
    **SIZES,
    "model_type": "nomic_bert",
    "architectures": ["NomicBertModel"],
    "attention_probs_dropout_prob": 0.0,
    "hidden_act": "silu",
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
    "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"},
    "type_vocab_size": 2,
}


def published(config: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of each weight of a published Nomic BERT."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
        "emb_ln.weight": (width,),
        "emb_ln.bias": (width,),
    }
    for layer in range(config["num_hidden_layers"]):
        parts = {
            "attn.Wqkv.weight": (3 * width, width),
            "attn.out_proj.weight": (width, width),
            "mlp.fc11.weight": (inner, width),
            "mlp.fc12.weight": (inner, width),
            "mlp.fc2.weight": (width, inner),
            **{f"{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")},
        }
        shapes |= {f"encoder.layers.{layer}.{name}": shape for name, shape in parts.items()}
    return shapes


def write_nomic() -> None:
    """Let transformers itself read a folder with the published names of the weights."""
    model = torch.nn.Module()  # only names and shapes, for draw_weights
    named = {name: torch.empty(shape) for name, shape in published(NOMIC).items()}
    model.named_parameters = named.items
    weights = draw_weights(model, gemma=False)
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(NOMIC))
        save_file(
            {name: weight.astype(np.float32) for name, weight in weights.items()},
            Path(folder) / "model.safetensors",
            metadata={"format": "pt"},
        )
        model, told = AutoModel.from_pretrained(folder, dtype=torch.float64, output_loading_info=True)
    wrong = [key for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if told[key]]
    if wrong:
        raise SystemExit(f"transformers reads these names otherwise: {told}")
    write_golden("nomic", NOMIC, model.eval(), weights, lengths=LENGTHS, within=NOMIC["pad_token_id"])


def main(names: Sequence[str]) -> None:
    """Write the files of these families, or of all."""
    for name in names or ENCODERS:
        if name == "nomic":
            write_nomic()
        else:
            write_family(name, CONFIGS[name], LENGTHS, within=CONFIGS[name]["pad_token_id"])


if __name__ == "__main__":
    main(sys.argv[1:])
