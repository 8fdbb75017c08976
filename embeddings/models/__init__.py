"""The architectures."""

from embeddings.models.bert import Bert, BertConfig
from embeddings.models.decoder import FAMILIES, Decoder, DecoderConfig

__all__ = ["FAMILIES", "Bert", "BertConfig", "Decoder", "DecoderConfig"]
