"""The model architectures."""

from collections.abc import Mapping

from embeddings.models.bert import Bert, BertConfig
from embeddings.models.decoder import Decoder
from embeddings.models.decoder_config import DecoderConfig
from embeddings.models.encoder import Encoder, EncoderConfig
from embeddings.models.families import FAMILIES, REFUSED
from embeddings.models.gemma3 import Gemma3
from embeddings.models.modernbert import ModernBert
from embeddings.models.mpnet import MPNet
from embeddings.models.nomic_bert import NomicBert
from embeddings.models.xlm_roberta import XLMRoberta

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

ENCODERS: Mapping[str, type[Encoder]] = {  # model_type -> the encoder
    "bert": Bert,
    "gemma3_text": Gemma3,
    "modernbert": ModernBert,
    "mpnet": MPNet,
    "nomic_bert": NomicBert,
    "xlm-roberta": XLMRoberta,
}
