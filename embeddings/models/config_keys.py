"""Keys of config.json that transformers writes for every architecture.

They are the fields of ``PreTrainedConfig`` in transformers 2 to 5. Versions before 4.26 wrote those of text
generation too, and versions before 3 wrote all fields, also those with their default values.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["FIXED", "HARMLESS"]

FIXED: Mapping[str, Any] = MappingProxyType(  # each is supported only with this value
    {
        "is_encoder_decoder": False,
        "pruned_heads": {},
        "use_bfloat16": False,
        "cross_attention_hidden_size": None,
        "per_layer_config": None,
    }
)
HARMLESS = frozenset(
    # Bookkeeping, and what else is returned beside the last hidden state.
    "_attn_implementation _commit_hash _name_or_path _num_labels architectures dtype name_or_path "
    "output_attentions output_hidden_states output_past return_dict tf_legacy_loss tie_last_hidden_states "
    "tokenizer_class torch_dtype torchscript transformers.js_config transformers_version use_cache "
    # Training, and heads that an embedding model does not have.
    "finetuning_task gradient_checkpointing id2label initializer_range label2id num_labels problem_type "
    "task_specific_params tie_encoder_decoder "
    # Ids of special tokens. They say which tokens, and the tokenizer sets them.
    "bos_token_id decoder_start_token_id eos_token_id pad_token_id sep_token_id "
    # Text generation.
    "bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping "
    "encoder_no_repeat_ngram_size exponential_decay_length_penalty forced_bos_token_id "
    "forced_eos_token_id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups "
    "num_beams num_return_sequences output_scores prefix remove_invalid_values repetition_penalty "
    "return_dict_in_generate suppress_tokens temperature top_k top_p typical_p".split()
)
