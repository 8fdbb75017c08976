"""Architectures, one short file each."""

from embeddings.models.bert import Bert, BertConfig

__all__ = ["Bert", "BertConfig"]
