"""XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116), as in bge-m3 and multilingual-e5.

It is BERT with positions that begin at 2. So everything else is bert.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from embeddings.backend import mx
from embeddings.models.bert import Bert, BertConfig
from embeddings.models.layers import fairseq_positions

__all__ = ["XLMRoberta", "XLMRobertaConfig"]

PADDING = 1  # the id of the padding token. Its position is 1 too, so the first token has position 2


@dataclass(frozen=True)
class XLMRobertaConfig(BertConfig):
    """The keys of config.json that define the model."""

    fixed: ClassVar = {**BertConfig.fixed, "model_type": "xlm-roberta", "pad_token_id": PADDING}

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings - PADDING - 1


class XLMRoberta(Bert):
    """The encoder: token ids to hidden states."""

    config: XLMRobertaConfig
    reads = XLMRobertaConfig
    prefix = "roberta."

    def position_embeddings(self, ids: mx.array) -> mx.array:
        """Return the embeddings of the positions 2, 3, 4 and so on: ids (B, T) -> (B, T, D)."""
        return self.rows("embeddings.position_embeddings", fairseq_positions(ids, PADDING))
