"""fastembed with your own model: the folder holds model.onnx and the tokenizer's files."""

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

ABOUT = {"pooling": PoolingType.MEAN, "normalization": True, "dim": 384, "model_file": "model.onnx"}
TextEmbedding.add_custom_model("local/minilm", sources=ModelSource(hf="local/minilm"), **ABOUT)
MODEL = TextEmbedding("local/minilm", specific_model_path="build/subjects/onnx")


def embed(texts):
    return MODEL.embed(texts, batch_size=16)
