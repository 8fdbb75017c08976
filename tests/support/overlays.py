"""Files of model folders as programs write them, to be laid over the tiny model of tiny.py.

Each overlay holds what a program or a published folder really has. Reports are named where there are some.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import tiny

__all__ = ["OVERLAYS", "Overlay", "lay"]

Overlay = Mapping[str, Any]  # file -> keys that are set; None removes a key

_BASE = "sentence_transformers.base.modules"
SENTENCE_TRANSFORMERS_6: Overlay = {  # what 6.2.0 writes; vllm-project/vllm#45995, jundot/omlx#2594
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": f"{_BASE}.transformer.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
        },
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{_BASE}.normalize.Normalize"},
    ],
    "1_Pooling/config.json": {"embedding_dimension": 16, "pooling_mode": "mean", "include_prompt": True},
    "2_Normalize/config.json": {
        "module_input_name": "sentence_embedding",
        "module_output_name": "sentence_embedding",
    },
    "sentence_bert_config.json": {
        "transformer_task": "feature-extraction",
        "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
        "module_output_name": "token_embeddings",
    },
    "config_sentence_transformers.json": {
        "__version__": {"pytorch": "2.13.0", "sentence_transformers": "6.2.0", "transformers": "5.23.0"},
        "default_prompt_name": None,
        "model_type": "SentenceTransformer",
        "prompts": {"document": "", "query": ""},
        "similarity_fn_name": "cosine",
    },
    "tokenizer_config.json": {"model_max_length": 20, "tokenizer_class": "BertTokenizer"},
}
SENTENCE_TRANSFORMERS_3: Overlay = {  # what 2.7 to 5.1 write
    "1_Pooling/config.json": {
        "word_embedding_dimension": 16,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
        "pooling_mode_weightedmean_tokens": False,
        "pooling_mode_lasttoken": False,
        "include_prompt": True,
    },
    "config_sentence_transformers.json": {
        "__version__": {"pytorch": "2.5.0", "sentence_transformers": "3.4.1", "transformers": "4.48.0"},
        "default_prompt_name": None,
        "prompts": {},
        "similarity_fn_name": "cosine",
    },
}
TRANSFORMERS_5: Overlay = {  # what 5.23.0 writes for BERT
    "config.json": {
        "add_cross_attention": False,
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "bos_token_id": None,
        "classifier_dropout": None,
        "dtype": "float32",
        "eos_token_id": None,
        "gradient_checkpointing": False,
        "initializer_range": 0.02,
        "is_decoder": False,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        "transformers_version": "5.23.0",
        "use_cache": True,
    },
    "tokenizer_config.json": {
        "backend": "tokenizers",
        "cls_token": "[CLS]",
        "do_lower_case": True,
        "is_local": True,
        "local_files_only": True,
        "max_length": 128,
        "model_max_length": 160,
        "model_specific_special_tokens": {},
        "pad_to_multiple_of": None,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "truncation_side": "right",
        "truncation_strategy": "longest_first",
    },
}
OTHER_TOKENIZER_KEYS: Overlay = {  # met in public folders, one by one
    "tokenizer_config.json": {
        "add_special_tokens": True,
        "auto_map": {},
        "boi_token": "<start_of_image>",
        "extra_ids": 100,
        "fix_mistral_regex": True,
        "full_tokenizer_file": None,
        "legacy": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "processor_class": "BertProcessor",
        "spaces_between_special_tokens": False,
        "special_tokens": [],
        "tokenizer_file": "tokenizer.json",
        "trim_offsets": True,
        "use_fast": True,
        "vocab_file": "vocab.txt",
    }
}
BERT_OF_2019: Overlay = {  # the keys of bert-base-chinese and of what descends from it
    "config.json": {
        "directionality": "bidi",
        "finetuning_task": None,
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "num_labels": 1,
        "output_attentions": False,
        "output_hidden_states": True,
        "output_past": True,
        "pooler_fc_size": 768,
        "pooler_num_attention_heads": 12,
        "pooler_num_fc_layers": 3,
        "pooler_size_per_head": 128,
        "pooler_type": "first_token_transform",
        "pruned_heads": {},
        "torch_dtype": "bfloat16",
        "torchscript": False,
        "use_bfloat16": False,
    }
}
LOWER_CASE: Overlay = {  # BAAI's bge-*-v1.5: vllm-project/vllm#11184, ddalcu/mlx-serve#116
    "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True}
}
OVERLAYS = {
    "sentence-transformers 6": SENTENCE_TRANSFORMERS_6,
    "sentence-transformers 3": SENTENCE_TRANSFORMERS_3,
    "transformers 5": TRANSFORMERS_5,
    "tokenizers": OTHER_TOKENIZER_KEYS,
    "BERT of 2019": BERT_OF_2019,
    "lower case": LOWER_CASE,
}


def lay(folder: Path, overlay: Overlay) -> Path:
    """Write files of an overlay. config.json keeps its other keys, other files are replaced."""
    for name, content in overlay.items():
        (folder / name).parent.mkdir(exist_ok=True)
        if name == "config.json":
            tiny.edit_json(folder / name, **content)
        else:
            tiny.write_json(folder / name, content)
    return folder
