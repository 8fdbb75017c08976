"""The model architectures."""

from embeddings.models.bert import Bert, BertConfig
from embeddings.models.decoder import Decoder, DecoderConfig
from embeddings.models.families import FAMILIES, REFUSED

__all__ = ["FAMILIES", "REFUSED", "Bert", "BertConfig", "Decoder", "DecoderConfig"]
