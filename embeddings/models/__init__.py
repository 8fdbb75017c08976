"""The model architectures."""

from collections.abc import Mapping

from embeddings.models.bert import Bert, BertConfig
from embeddings.models.decoder import Decoder, DecoderConfig
from embeddings.models.encoder import Encoder, EncoderConfig
from embeddings.models.families import FAMILIES, REFUSED
from embeddings.models.mpnet import MPNet

__all__ = [
    "ENCODERS",
    "FAMILIES",
    "REFUSED",
    "Bert",
    "BertConfig",
    "Decoder",
    "DecoderConfig",
    "Encoder",
    "EncoderConfig",
]

ENCODERS: Mapping[str, type[Encoder]] = {"bert": Bert, "mpnet": MPNet}  # model_type -> the encoder
