"""Make a tiny checkpoint of each family of encoders, with golden hidden states: part of ``make golden``.

The files are like those of make_family_golden.py. The longest sequence has 512 tokens, and local windows are
far shorter. This file imports nothing from ``embeddings``.
"""

from tests.reference.make_family_golden import write_family

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
CONFIGS = {"mpnet": MPNET, "xlm-roberta": XLM_ROBERTA}


def main() -> None:
    """Write the file of every family."""
    for name, config in CONFIGS.items():
        write_family(name, config, LENGTHS)


if __name__ == "__main__":
    main()
